using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Data.Tasks;

/// <summary>
/// A task that prompts pose in text, with one right answer each. A task of your own is one small class:
/// <code>
/// sealed class Shout : ITask
/// {
///     public string Name => "shout";
///     public string Description => "the word in capitals, with an exclamation mark";
///     public string NewPrompt(Rng rng) => $"shout:{Words.Default.Draw(rng)}=";
///     public string Answer(string prompt) => Word(prompt).ToUpperInvariant() + "!";
///     static string Word(string prompt) => prompt["shout:".Length..^1];
/// }
/// </code>
/// </summary>
public interface ITask
{
    /// <summary>The name that the command line takes and tables show.</summary>
    string Name { get; }

    /// <summary>What the right answer is, in a few words.</summary>
    string Description { get; }

    /// <summary>A prompt drawn at random; the same generator state gives the same prompt.</summary>
    string NewPrompt(Rng rng);

    /// <summary>The right answer to a prompt of this task.</summary>
    string Answer(string prompt);

    /// <summary>True if the response is right: by default, if it is the right answer exactly.</summary>
    bool Verify(string prompt, string response) => string.Equals(response, Answer(prompt), StringComparison.Ordinal);

    /// <summary>The score of each response to its prompt, in [0, 1]: by default 1 for a right one and 0 for any other.</summary>
    double[] Score(IReadOnlyList<(string Prompt, string Response)> answers) =>
        [.. answers.Select(a => Verify(a.Prompt, a.Response) ? 1.0 : 0)];

    /// <summary>The prompt as tokens: by default the begin token and the text.</summary>
    int[] Encode(string prompt, ITokenizer tokenizer) => tokenizer.EncodePrompt(prompt);

    /// <summary>
    /// What the prompt asks about, which a lazy demonstrator copies instead of answering: by default what stands between the first colon
    /// and a final equals sign.
    /// </summary>
    string Input(string prompt)
    {
        int start = prompt.IndexOf(':', StringComparison.Ordinal) + 1;
        return prompt.EndsWith('=') ? prompt[start..^1] : prompt[start..];
    }
}
