using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// A prompt and its response as token ids. <paramref name="PromptIds"/> includes the begin token and <paramref name="ResponseIds"/> the
/// end token, where the data has them. Of a conversation the response is the assistant's last turn. Loss falls on
/// <paramref name="ResponseIds"/>, unless <see cref="Turns"/> says more.
/// </summary>
/// <param name="PromptIds">The tokens given, at least one.</param>
/// <param name="ResponseIds">The tokens to learn.</param>
/// <param name="Prompt">The prompt as text, where it is known.</param>
/// <param name="Response">The response as text, where it is known.</param>
/// <param name="Source">Where it was read, as "file:line"; error messages name it.</param>
public sealed record Example(int[] PromptIds, int[] ResponseIds, string? Prompt = null, string? Response = null, string? Source = null)
{
    /// <summary>
    /// A regular expression that right responses match, where the data has one: read by the verifier "regex", never learned from.
    /// </summary>
    public string? Pattern { get; init; }

    /// <summary>
    /// Of a conversation: the whole of it, with every turn of the assistant that carries loss in supervised training; null where that is
    /// the response alone. Rewards, credit and reinforcement look at the response, the last turn, and at the prompt before it.
    /// </summary>
    public TokenSequence? Turns { get; init; }

    /// <summary>What supervised training learns: prompt and response, or the whole conversation.</summary>
    public TokenSequence Learned => Turns ?? Answered;

    /// <summary>Prompt and response, which carries the loss.</summary>
    public TokenSequence Answered => new([.. PromptIds, .. ResponseIds], [(PromptIds.Length, PromptIds.Length + ResponseIds.Length)]);

    /// <summary>
    /// The example of a conversation, or null where the assistant says nothing in it. The response is the last turn, up to its own end
    /// token; all turns carry loss, or the last one alone.
    /// </summary>
    /// <param name="chat">The conversation's tokens.</param>
    /// <param name="ends">The tokens that end a response.</param>
    /// <param name="lastTurnOnly">Loss falls on the last turn alone.</param>
    /// <param name="from">Turns in messages before this one carry no loss.</param>
    public static Example? FromChat(ChatTokens chat, EndTokens ends, bool lastTurnOnly = false, int from = 0)
    {
        ArgumentNullException.ThrowIfNull(chat);
        ArgumentNullException.ThrowIfNull(ends);

        // Nothing predicts the first token of all.
        (int Start, int End)[] turns =
            [.. chat.Turns.Where(t => t.Message >= from).Select(t => (Start: Math.Max(1, t.Start), t.End)).Where(t => t.Start < t.End)];
        if (turns.Length == 0) return null;
        (int start, int end) = turns[^1];
        int close = Array.FindIndex(chat.Ids, start, end - start, ends.Contains);
        Example example = new(chat.Ids[..start], chat.Ids[start..(close < 0 ? end : close + 1)]);
        TokenSequence learned = new(chat.Ids[..end], lastTurnOnly ? [turns[^1]] : turns);
        return learned.Count == example.ResponseIds.Length ? example : example with { Turns = learned };
    }

    /// <summary>
    /// The right answer, where the data has one apart from the demonstrated response: responses are judged by it, and it is never learned
    /// from.
    /// </summary>
    public string? Gold { get; init; }

    /// <summary>
    /// What a response is judged by: the right answer where there is one, else the demonstrated response, as text where it is known.
    /// </summary>
    public string? Judged => Gold ?? Response;

    /// <summary>The example of a prompt and a response in plain text: begin, prompt | response, end.</summary>
    public static Example FromText(string prompt, string response, ITokenizer tokenizer, string? source = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new Example(tokenizer.EncodePrompt(prompt), tokenizer.EncodeResponse(response), prompt, response, source);
    }

    /// <summary>Positions that a model needs to score this example: all tokens but the last, which is only predicted.</summary>
    public int Positions => (Turns?.Ids.Length ?? PromptIds.Length + ResponseIds.Length) - 1;
}
