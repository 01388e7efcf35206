namespace MiniTransformer.Cli.Invocations;

/// <summary>Exceptions as one line for people.</summary>
internal static class Messages
{
    /// <summary>The message without the name of a C# parameter, on one line.</summary>
    public static string Of(Exception e)
    {
        string message = e is AggregateException { InnerException: { } inner } ? Of(inner) : e.Message;
        if (e is ArgumentException { ParamName: { } name })
        {
            message = message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal);
        }
        return string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    /// <summary>Whether memory ran out.</summary>
    public static bool IsOutOfMemory(Exception e) =>
        e is OutOfMemoryException || (e is AggregateException { InnerException: { } inner } && IsOutOfMemory(inner));

    /// <summary>What to say when memory ran out.</summary>
    public static string OutOfMemory() =>
        $"memory ran out: {Backends.DeviceException.Size(Environment.WorkingSet)} were in use, and there are "
            + $"{Backends.DeviceException.Size(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)}; " +
        "lower the batch, the longest response or the model's size, or give less data.";

    /// <summary>Whether an error is one that its message explains, so that a stack trace would add nothing.</summary>
    public static bool Explains(Exception e) => e is IOException or UnauthorizedAccessException or FormatException or InvalidDataException
        or ArgumentException or NotSupportedException or ArithmeticException or Data.DataException or Backends.DeviceException
        or Judges.JudgeException or Training.PolicyCollapseException
        || (e is AggregateException { InnerException: { } inner } && Explains(inner));
}
