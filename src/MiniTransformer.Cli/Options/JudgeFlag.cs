using System.CommandLine;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Terminals;
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
        $"own data: what makes a response right: {Judge.Forms}. CMD reads a JSON object with prompt, response and completion on standard "
            + "input and prints a score from 0 to 1, " +
        $"or true or false; a worker does so line by line. From .5 on a response is right [default: {Default}, or what the SFT run had]",
        text =>
        {
            UsageException.Check(() => Judge.Parse(text).Dispose());
            return text;
        })
    { HelpName = "HOW" };

    /// <summary>--judge-timeout.</summary>
    public Flag<double> Timeout { get; } = new(
        "--judge-timeout",
        "own data: seconds that a command or a worker may take for a response; one that takes longer, or crashes, gives the response 0 "
            + "points, with a warning",
        text =>
            double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture,
                out double seconds) && seconds is > 0 and <= 86_400
            ? seconds
            : throw new UsageException($"'{text}' is no number of seconds above 0 and up to a day."),
        10, hasDefault: true)
    { HelpName = "SECONDS", MayChange = true };

    /// <summary>--eval-data.</summary>
    public Flag<string?> EvalData { get; } = Flags.Path(
        "--eval-data",
        "own data: JSONL with right answers to measure on, as the field answer (or gold) or completion of each line, in place of a share "
            + "of the data; its prompts are never trained on", "FILE", isInput: true);

    /// <summary>All of them.</summary>
    public Option[] All => [Flag, Timeout, EvalData];

    /// <summary>How judges are run.</summary>
    public JudgeOptions Options(Settings settings, Terminal terminal) => new()
    {
        Timeout = TimeSpan.FromSeconds(settings.Get(Timeout)),
        Stop = terminal.Stop,
        Warn = terminal.Say,
        Progress = new JudgingProgress(
            terminal, settings.Get(Flag)?.StartsWith("command:", StringComparison.Ordinal) == true ? "a worker, --verify 'worker:CMD', is "
                + "started once and not for each response" : null).Report,
    };

    /// <summary>The file to measure on: the one that is given, else the run's; it goes with own data only.</summary>
    public string? EvalFile(Settings settings, bool ownData, string? saved = null)
    {
        string? given = settings.Get(EvalData);
        if (given is not null && !ownData)
        {
            throw new UsageException("--eval-data goes with --data; built-in tasks know their right answers.");
        }
        if (given is not null && !File.Exists(given))
        {
            throw new FileNotFoundException($"--eval-data: there is no file '{Invocation.Shown(given)}'.");
        }
        return settings.Resolve(EvalData, given ?? saved);
    }

    /// <summary>The verifier for data of the given kind.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="ownData">Whether there is data of the user's own; tasks judge for themselves.</param>
    /// <param name="saved">What the run was judged by, or null.</param>
    /// <exception cref="UsageException">It is given for tasks, or it is a command that was not given on the command line.</exception>
    public string Resolve(Settings settings, bool ownData, string? saved = null)
    {
        string? given = settings.Get(Flag);
        if (!ownData)
        {
            return given is null
                ? Default
                : throw new UsageException("--verify goes with --data; built-in tasks know their right answers.");
        }
        string how = given ?? saved ?? Default;
        RefuseCommand(settings, how);
        return settings.Resolve(Flag, how)!;
    }

    /// <summary>Refuses a command that stands in a file, a run's or a configuration, and was not given on the command line.</summary>
    /// <exception cref="UsageException">The verifier is such a command.</exception>
    public void RefuseCommand(Settings settings, string how)
    {
        if (!Judges.Judge.IsCommand(how) || settings.OnCommandLine(Flag)) return;
        throw new UsageException(
            $"the file of settings says that '{how}' judges responses, and a command out of a file is started only when it is given again: "
                + $"--verify {Invocation.Quote(how)}" +
            (settings.Resumes ? "." : $", or another verifier, such as --verify {Default}."));
    }

    /// <summary>What has to be given again to resume: a command, which is never taken from the run's folder.</summary>
    public string[] Again(Settings settings) => settings.Get(Flag) is { } how && Judges.Judge.IsCommand(how) ? [Flag.Name, how] : [];
}
