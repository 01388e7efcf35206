using System.CommandLine;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;

namespace MiniTransformer.Cli.Commands;

/// <summary>One command: its flags, what it does with their values, and examples for its help.</summary>
/// <param name="Command">Name, description and flags.</param>
/// <param name="Common">The flags that all commands have.</param>
/// <param name="Examples">Command lines, without the program's name.</param>
/// <param name="Run">Does it; returns the exit code.</param>
internal sealed record CliCommand(Command Command, CommonFlags Common, string[] Examples, Func<Settings, Terminal, int> Run)
{
    /// <summary>The flag --resume of commands that have it.</summary>
    public Flag<bool>? Resume { get; init; }

    /// <summary>
    /// A flag of commands that have it which, like --resume, means the run in --out, with the settings that it began with, but only reads
    /// it.
    /// </summary>
    public Flag<bool>? Reread { get; init; }
}
