namespace MiniTransformer.Data;

/// <summary>Data that cannot be used; the message begins with the place, "file.jsonl:12:7: ...".</summary>
public sealed class DataException : Exception
{
    /// <summary>An error about data that stands in no one line; the message names the places itself.</summary>
    public DataException(string message)
        : base(message)
    {
    }

    /// <summary>An error at a place in a file; line and column count from 1, and column 0 means the whole line.</summary>
    public DataException(string file, long line, int column, string message, Exception? inner = null)
        : base(column > 0 ? $"{file}:{line}:{column}: {message}" : $"{file}:{line}: {message}", inner) =>
        (File, Line, Column) = (file, line, column);

    /// <summary>The file, as its path was given, or null.</summary>
    public string? File { get; }

    /// <summary>The line, counted from 1, or 0.</summary>
    public long Line { get; }

    /// <summary>The character in the line, counted from 1, or 0.</summary>
    public int Column { get; }
}
