namespace MiniTransformer.Cli.Invocations;

/// <summary>How this program was started, so that the commands it names can be pasted.</summary>
internal static class Invocation
{
    private const string Project = "src/MiniTransformer.Cli";

    /// <summary>What stands before a command's name.</summary>
    public static string Program { get; } = Find();

    /// <summary>A command line of this program.</summary>
    public static string Of(params IEnumerable<string> arguments) => $"{Program} {string.Join(' ', arguments.Select(Quote))}";

    /// <summary>A path as it is shown: relative to where the user stands, where that is shorter.</summary>
    public static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) || relative.Length >= path.Length ? path : relative;
    }

    private static string Find()
    {
        string? process = Environment.ProcessPath;
        if (process is null) return "MiniTransformer.Cli";
        if (Path.GetFileNameWithoutExtension(process) == "dotnet") return $"dotnet {Quote(Shown(Environment.GetCommandLineArgs()[0]))}";
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, process).Replace('\\', '/');
        if (relative.StartsWith($"{Project}/bin/Release/", StringComparison.Ordinal)) return $"dotnet run -c Release --project {Project} --";
        return relative.StartsWith($"{Project}/bin/", StringComparison.Ordinal) ? $"dotnet run --project {Project} --" : Quote(Shown(process));
    }

    /// <summary>A text as one word of a command line, for POSIX shells.</summary>
    public static string Quote(string text) =>
        text.Length > 0 && text.All(c => char.IsLetterOrDigit(c) || "-_./:,=+@%".Contains(c, StringComparison.Ordinal)) ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
