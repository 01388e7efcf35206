using MiniTransformer.Text;

namespace MiniTransformer.Data;

/// <summary>How lines of data are read.</summary>
public sealed record JsonlOptions
{
    /// <summary>Of a conversation the assistant's last turn carries loss, and not all of its turns.</summary>
    public bool LastTurnOnly { get; init; }

    /// <summary>Nothing is learned from the lines: a right answer may then stand in for the completion.</summary>
    public bool HeldOut { get; init; }

    /// <summary>Is told, once for a file, which of its columns are not read.</summary>
    public Action<string>? Say { get; init; }
}

/// <summary>The columns of a file that are not read, to be named in one line.</summary>
internal sealed class UnreadColumns
{
    private readonly SortedSet<string> names = new(StringComparer.Ordinal);

    public void Add(IEnumerable<string> unread) => names.UnionWith(unread);

    /// <summary>Says which they are, where there are any.</summary>
    public void Tell(string file, Action<string>? say)
    {
        if (names.Count == 0 || say is null) return;
        string hints = string.Concat(names.Select(name =>
            Nearest.Of(name, JsonlRecord.Columns) is { } known ? $" Did you mean '{known}' by '{name}'?" : ""));
        say($"{file}: {(names.Count == 1 ? "column" : "columns")} {string.Join(", ", names.Select(name => $"'{name}'"))} " +
            $"{(names.Count == 1 ? "is" : "are")} not read.{hints}");
    }
}
