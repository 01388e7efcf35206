using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>Sampled tokens as the text that a verifier judges.</summary>
public static class ResponseText
{
    /// <summary>
    /// The text before the end token, whichever of several; null for a response that is wrong whatever its text: one that did not end, or
    /// that holds another special token, which decoding would hide.
    /// </summary>
    public static string? Of(ReadOnlySpan<int> responseIds, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (!tokenizer.Tokens.Ends.HasEnded(responseIds)) return null;
        ReadOnlySpan<int> body = tokenizer.Tokens.Ends.Body(responseIds);
        foreach (int id in body)
        {
            if (id >= tokenizer.VocabSize || tokenizer.IsSpecial(id)) return null;
        }

        return tokenizer.DecodeContinuation(body);
    }
}
