using MiniTransformer.Judges;

namespace MiniTransformer.Cli.Options;

/// <summary>--verify: which verifier judges responses to the user's own data.</summary>
internal sealed class JudgeFlag
{
    /// <summary>The verifier of those who name none.</summary>
    public const string Default = "exact";

    /// <summary>The flag.</summary>
    public Flag<string?> Flag { get; } = new(
        "--verify",
        $"own data: what makes a response right: {Judge.Forms}. CMD reads a JSON object with prompt, response and completion on standard input and prints a score from 0 to 1, " +
        $"or true or false; a worker does so line by line. From .5 on a response is right [default: {Default}, or what the SFT run had]",
        text =>
        {
            UsageException.Check(() => Judge.Parse(text).Dispose());
            return text;
        })
    { HelpName = "HOW" };

    /// <summary>The verifier for data of the given kind.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="ownData">Whether there is data of the user's own; tasks judge for themselves.</param>
    /// <param name="saved">What the run was judged by, or null.</param>
    /// <exception cref="UsageException">It is given for tasks, or it is a command that was not given on the command line.</exception>
    public string Resolve(Settings settings, bool ownData, string? saved = null)
    {
        string? given = settings.Get(Flag);
        if (!ownData) return given is null ? Default : throw new UsageException("--verify goes with --data; built-in tasks know their right answers.");
        string how = given ?? saved ?? Default;
        RefuseCommand(settings, how);
        return settings.Resolve(Flag, how)!;
    }

    /// <summary>Refuses a command that stands in a file, a run's or a configuration, and was not given on the command line.</summary>
    /// <exception cref="UsageException">The verifier is such a command.</exception>
    public void RefuseCommand(Settings settings, string how)
    {
        if (!IsCommand(how) || settings.OnCommandLine(Flag)) return;
        throw new UsageException(
            $"the file of settings says that '{how}' judges responses, and a command out of a file is started only when it is given again: --verify {Invocation.Quote(how)}" +
            (settings.Resumes ? "." : $", or another verifier, such as --verify {Default}."));
    }

    /// <summary>What has to be given again to resume: a command, which is never taken from the run's folder.</summary>
    public string[] Again(Settings settings) => settings.Get(Flag) is { } how && IsCommand(how) ? [Flag.Name, how] : [];

    private static bool IsCommand(string verifier) =>
        verifier.StartsWith("command:", StringComparison.Ordinal) || verifier.StartsWith("worker:", StringComparison.Ordinal);
}
