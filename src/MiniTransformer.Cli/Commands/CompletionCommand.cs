using System.CommandLine;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Commands;

/// <summary>completion: a script that completes commands, flags and their words in a shell.</summary>
internal sealed class CompletionCommand
{
    private readonly Command command = new(
        "completion", "Print a script that completes commands, flags and their words in bash, zsh, fish or PowerShell.");
    private readonly Argument<string> shell = new("SHELL")
    {
        Description = string.Join(", ", CompletionScript.Shells),
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly CommonFlags common;

    private CompletionCommand()
    {
        command.Add(shell);
        common = new CommonFlags(
            command, "write the script to this file instead of standard output", "FILE", "accepted for uniformity: nothing is drawn here");
    }

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var completion = new CompletionCommand();
        string[] examples =
        [
            "completion bash >> ~/.bashrc",
            "completion zsh > ~/.zfunc/_minitransformer",
            "completion fish > ~/.config/fish/completions/minitransformer.fish",
            "completion powershell >> $PROFILE",
        ];
        return new CliCommand(completion.command, completion.common, examples, completion.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        if (settings.Get(shell) is not { } name || !CompletionScript.Shells.Contains(name))
        {
            string given = settings.Get(shell) is { } other
                ? $"'{other}' is none of the shells.{Nearest.Hint(other, CompletionScript.Shells)}"
                : "the shell is needed.";
            string shells = string.Join(", ", CompletionScript.Shells);
            throw new UsageException($"completion: {given} There are {shells}, such as in {Invocation.Of("completion", "bash")}.");
        }

        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        results.Writer.Write(CompletionScript.Of(name, [.. command.Parents.OfType<RootCommand>().Single().Subcommands]));
        results.Keep();
        return ExitCode.Done;
    }
}
