using MiniTransformer.Text;

namespace MiniTransformer.Data.Tasks;

/// <summary>The tasks that come with the library.</summary>
public static class BuiltIn
{
    /// <summary>All tasks, on words of 4 to 6 letters from a to j.</summary>
    public static IReadOnlyList<ITask> All { get; } = On(Words.Default);

    /// <summary>All tasks, on words of one's own choice (<see cref="AdditionTask"/> has numbers instead).</summary>
    public static IReadOnlyList<ITask> On(Words words) =>
    [
        new WordTask("reverse", "rev", "the letters in reverse order", Reverse, words),
        new WordTask("next", "nxt", "each letter's successor, z's being a", word => Shift(word, 1), words),
        new WordTask("previous", "prv", "each letter's predecessor, a's being z", word => Shift(word, 25), words),
        new WordTask("upper", "upp", "the word in capitals", word => word.ToUpperInvariant(), words),
        new WordTask("swap", "swp", "neighbours exchanged, abcde → badce", SwapPairs, words),
        new WordTask("exchange", "exc", "first and last letter exchanged", word =>
            word.Length < 2 ? word : word[^1] + word[1..^1] + word[0], words),
        new WordTask("rotate", "rot", "the first letter moved to the end", word => word[1..] + word[0], words),
        new WordTask("duplicate", "dup", "each letter twice", word => string.Concat(word.Select(c => new string(c, 2))), words),
        new WordTask("mirror", "mir", "the word and its reverse, abc → abccba", word => word + Reverse(word), words),
        new WordTask("sort", "srt", "the letters in alphabetical order", word => string.Concat(word.Order()), words),
        new WordTask("unique", "unq", "each letter where it first occurs, abcab → abc", word => string.Concat(word.Distinct()), words),
        new WordTask("count", "cnt", "how often each letter occurs, in alphabetical order, baba → a2b2", Count, words),
        new AdditionTask(),
    ];

    /// <summary>The tasks of a comma-separated list of names, such as "reverse,sort"; "all" is every task.</summary>
    /// <exception cref="ArgumentException">A name is unknown or stands twice; the message lists the names and the nearest one.</exception>
    public static IReadOnlyList<ITask> Parse(string names, Words? words = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        IReadOnlyList<ITask> tasks = words is null ? All : On(words);
        if (names.Trim() == "all") return tasks;
        List<ITask> chosen = [];
        foreach (string name in names.Split(',', StringSplitOptions.TrimEntries))
        {
            ITask task = tasks.FirstOrDefault(t => t.Name == name || PrefixOf(t) == name) ?? throw Unknown(name);
            if (chosen.Contains(task)) throw new ArgumentException($"Task '{task.Name}' is named twice in '{names}'.", nameof(names));
            chosen.Add(task);
        }

        return chosen;
    }

    /// <summary>The task that a prompt is written for, by what stands before its colon, or null.</summary>
    public static ITask? Of(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        int colon = prompt.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : All.FirstOrDefault(t => PrefixOf(t) == prompt[..colon]);
    }

    private static string PrefixOf(ITask task) => task is WordTask word ? word.Prefix : task.Name;

    private static ArgumentException Unknown(string name)
    {
        return new ArgumentException($"There is no task '{name}'.{Nearest.Hint(name, All.Select(t => t.Name))} Tasks are "
            + $"{string.Join(", ", All.Select(t => t.Name))}; separate several by commas.");
    }

    private static string Reverse(string word) => string.Concat(word.Reverse());

    private static string Shift(string word, int by) => string.Concat(word.Select(c => (char)('a' + (c - 'a' + by) % 26)));

    private static string SwapPairs(string word) =>
        string.Concat(word.Chunk(2).Select(pair => pair.Length == 2 ? $"{pair[1]}{pair[0]}" : $"{pair[0]}"));

    private static string Count(string word) => string.Concat(word.Order().GroupBy(c => c).Select(g => $"{g.Key}{g.Count()}"));
}
