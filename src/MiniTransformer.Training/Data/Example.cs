using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>
/// A prompt and its response as token ids. <paramref name="PromptIds"/> includes the begin token and <paramref name="ResponseIds"/> the
/// end token, where the data has them. Loss falls on <paramref name="ResponseIds"/> only.
/// </summary>
/// <param name="PromptIds">The tokens given, at least one.</param>
/// <param name="ResponseIds">The tokens to learn.</param>
/// <param name="Prompt">The prompt as text, where it is known.</param>
/// <param name="Response">The response as text, where it is known.</param>
/// <param name="Source">Where it was read, as "file:line"; error messages name it.</param>
public sealed record Example(int[] PromptIds, int[] ResponseIds, string? Prompt = null, string? Response = null, string? Source = null)
{
    /// <summary>A regular expression that right responses match, where the data has one: read by the verifier "regex", never learned from.</summary>
    public string? Pattern { get; init; }

    /// <summary>The right answer, where the data has one apart from the demonstrated response: responses are judged by it, and it is never learned from.</summary>
    public string? Gold { get; init; }

    /// <summary>What a response is judged by: the right answer where there is one, else the demonstrated response, as text where it is known.</summary>
    public string? Judged => Gold ?? Response;

    /// <summary>The example of a prompt and a response in plain text: begin, prompt | response, end.</summary>
    public static Example FromText(string prompt, string response, ITokenizer tokenizer, string? source = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new Example(tokenizer.EncodePrompt(prompt), tokenizer.EncodeResponse(response), prompt, response, source);
    }

    /// <summary>Positions that a model needs to score this example: all tokens but the last, which is only predicted.</summary>
    public int Positions => PromptIds.Length + ResponseIds.Length - 1;
}
