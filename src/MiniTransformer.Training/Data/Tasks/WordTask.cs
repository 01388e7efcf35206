using MiniTransformer.Tensors;

namespace MiniTransformer.Data.Tasks;

/// <summary>A task on one word, written <c>prefix:word=</c>, whose answer is a function of the word.</summary>
public sealed class WordTask(string name, string prefix, string description, Func<string, string> rule, Words? words = null) : ITask
{
    /// <inheritdoc/>
    public string Name => name;

    /// <summary>What stands before the colon.</summary>
    public string Prefix => prefix;

    /// <inheritdoc/>
    public string Description => description;

    /// <summary>The words that prompts are made of.</summary>
    public Words Words { get; } = words ?? Words.Default;

    /// <inheritdoc/>
    public string NewPrompt(Rng rng) => $"{prefix}:{Words.Draw(rng)}=";

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The prompt is not one of this task's.</exception>
    public string Answer(string prompt) => rule(Input(prompt));

    /// <summary>The word of a prompt.</summary>
    /// <exception cref="ArgumentException">The prompt is not one of this task's.</exception>
    public string Input(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (prompt.Length > prefix.Length + 2 && prompt.StartsWith(prefix + ":", StringComparison.Ordinal) && prompt[^1] == '=')
        {
            string word = prompt[(prefix.Length + 1)..^1];
            if (word.All(char.IsAsciiLetterLower)) return word;
        }

        throw new ArgumentException($"'{prompt}' is not a prompt of task {name}: needed is '{prefix}:word=' with a word of letters from a "
            + "to z.", nameof(prompt));
    }
}
