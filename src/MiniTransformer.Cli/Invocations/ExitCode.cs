namespace MiniTransformer.Cli.Invocations;

/// <summary>How a command ends, for the shell.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>It failed; the message says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration file is wrong.</summary>
    public const int BadUsage = 2;

    /// <summary>Stopped by Ctrl+C; what was done is saved.</summary>
    public const int Interrupted = 130;
}
