using MiniTransformer.Text;

namespace MiniTransformer.Data.Tasks;

/// <summary>A prompt and the task it poses.</summary>
public sealed record TaskPrompt(ITask Task, string Text)
{
    /// <summary>The prompt as tokens, after the begin token.</summary>
    public Prompt Encode(ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new Prompt([tokenizer.BeginId, .. tokenizer.Encode(Text)], Text);
    }

    /// <summary>
    /// True if sampled tokens are a right response: text that the task accepts, then the end token. A response that did not end, or that holds another
    /// special token (which decoding would hide), is wrong.
    /// </summary>
    public bool Accepts(ReadOnlySpan<int> responseIds, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (responseIds.IsEmpty || responseIds[^1] != tokenizer.EndId) return false;
        ReadOnlySpan<int> body = responseIds[..^1];
        foreach (int id in body)
        {
            if (tokenizer.IsSpecial(id)) return false;
        }

        return Task.Verify(Text, tokenizer.Decode(body));
    }
}
