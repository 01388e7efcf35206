using MiniTransformer.Data.Verifiers;

namespace MiniTransformer.Cli.Options;

/// <summary>--verify: which verifier judges responses to the user's own data.</summary>
internal sealed class VerifyFlag
{
    /// <summary>The verifier of those who name none.</summary>
    public const string Default = "exact";

    /// <summary>The flag.</summary>
    public Flag<string?> Flag { get; } = new(
        "--verify",
        $"own data: what makes a response right: {Verifier.Forms}. CMD reads a JSON object with prompt, response and completion on standard input and prints a score from 0 to 1, " +
        $"or true or false; a worker does so line by line. From .5 on a response is right [default: {Default}, or what the SFT run had]",
        text =>
        {
            UsageException.Check(() => Verifier.Parse(text).Dispose());
            return text;
        })
    { HelpName = "HOW" };

    /// <summary>The verifier for data of the given kind.</summary>
    /// <param name="settings">The command line.</param>
    /// <param name="ownData">Whether there is data of the user's own; tasks judge for themselves.</param>
    /// <param name="saved">What the run was judged by, or null.</param>
    /// <exception cref="UsageException">It is given for tasks, or the run's own is a command, which is never started unless it is named here.</exception>
    public string Resolve(Settings settings, bool ownData, string? saved = null)
    {
        string? given = settings.Get(Flag);
        if (!ownData) return given is null ? Default : throw new UsageException("--verify goes with --data; built-in tasks know their right answers.");
        if (given is null && saved is not null) RefuseCommand(saved);
        return settings.Resolve(Flag, given ?? saved ?? Default)!;
    }

    /// <summary>Refuses a command that was read in a run's folder and not given by the user.</summary>
    /// <exception cref="UsageException">The verifier is a command.</exception>
    public static void RefuseCommand(string saved)
    {
        if (!Verifier.IsCommand(saved)) return;
        throw new UsageException(
            $"the run was judged by '{saved}', and a command out of a run's folder is started only when it is given again: --verify '{saved}', or another verifier, such as --verify {Default}.");
    }
}
