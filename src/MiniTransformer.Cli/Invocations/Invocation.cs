namespace MiniTransformer.Cli.Invocations;

/// <summary>How this program is called, so that the commands it names can be pasted.</summary>
internal static class Invocation
{
    /// <summary>What stands before a command's name, whatever this program was started by.</summary>
    public const string Program = "minitransformer";

    /// <summary>A command line of this program.</summary>
    public static string Of(params IEnumerable<string> arguments) => $"{Program} {string.Join(' ', arguments.Select(Quote))}";

    /// <summary>A path as it is shown: relative to where the user stands, where that is shorter.</summary>
    public static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) || relative.Length >= path.Length ? path : relative;
    }

    /// <summary>A text as one word of a command line, for POSIX shells.</summary>
    public static string Quote(string text) =>
        text.Length > 0 && text.All(c => char.IsLetterOrDigit(c) || "-_./:,=+@%".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
