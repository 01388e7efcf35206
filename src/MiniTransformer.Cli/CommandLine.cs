using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Commands;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Cli;

/// <summary>The command-line tool: exit code 0 done, 1 failed, 2 bad usage, 130 interrupted.</summary>
public static class CommandLine
{
    /// <summary>The commands, in the order of the help.</summary>
    internal static CliCommand[] Commands =>
    [
        DemoCommand.Create(), SftCommand.Create(), AdviseCommand.Create(), RewardCommand.Create(), DprCommand.Create(),
        EvalCommand.Create(),
        GenerateCommand.Create(), InspectCommand.Create(), TasksCommand.Create(), CreditCommand.Create(), VerifyCommand.Create(),
        CompareCommand.Create(),
        ExportCommand.Create(), MergeCommand.Create(), DevicesCommand.Create(), CompletionCommand.Create(),
    ];

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The arguments; none means the demo.</param>
    /// <param name="output">For results.</param>
    /// <param name="error">For messages and progress.</param>
    /// <param name="input">For prompts; empty if null.</param>
    /// <param name="stop">Asks the command to keep what was done and leave.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, Stream? input = null, CancellationToken stop = default)
    {
        var terminal = new Terminal(output, error, input ?? Stream.Null, stop);
        try
        {
            return Run(args, Commands, terminal);
        }
        catch (UsageException e)
        {
            terminal.Say($"error: {e.Message}");
            return ExitCode.BadUsage;
        }
        catch (OperationCanceledException e)
        {
            terminal.Say(e is Interruption ? e.Message : "Interrupted before there was anything to keep; the same command begins again.");
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (Messages.IsOutOfMemory(e))
        {
            terminal.Say($"error: {Messages.OutOfMemory()}");
            return ExitCode.Failed;
        }
        catch (Exception e) when (!args.Contains("--debug"))
        {
            terminal.Say(Messages.Explains(e)
                ? $"error: {Messages.Of(e)}{(e is ChecksumException damaged ? WayOut.Of(damaged) : "")}"
                : $"error: unexpected {e.GetType().Name}: {Messages.Of(e)} (run again with --debug to see where)");
            return ExitCode.Failed;
        }
        catch (Exception e)
        {
            terminal.Say($"error: {e}");
            return ExitCode.Failed;
        }
    }

    // A value that begins with @ is a value like any other, and not the name of a file to read flags from.
    private static ParserConfiguration Parsing { get; } = new() { ResponseFileTokenReplacer = null };

    private static int Run(string[] args, CliCommand[] commands, Terminal terminal)
    {
        RootCommand root = Root(commands);
        string[] rootFlags = ["--help", "-h", "-?", "/?", "/h", "--version"];
        if (args.Length == 0 || (args[0].StartsWith('-') && !rootFlags.Contains(args[0]))) args = ["demo", .. args];

        ParseResult typed = root.Parse(args, Parsing);
        var streams = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null
        };
        if (typed.Action is not (null or ParseErrorAction)) return typed.Invoke(streams); // help and version
        RefuseErrors(typed, commands, config: null);

        CliCommand command = commands.Single(c => c.Command == typed.CommandResult.Command);
        var onCommandLine = command.Command.Options.OfType<IFlag>()
            .Where(flag => typed.GetResult((Option)flag) is OptionResult { Implicit: false }).Select(flag => flag.Key).ToHashSet();
        string? config = typed.GetValue(command.Common.Config);
        JsonObject? written = config is null ? null : ConfigFile.Read(config, command.Command);
        string? run = Continued(command, typed, written);
        if (run is null && written is null) return command.Run(new Settings(command.Command, typed, onCommandLine), terminal);

        // Configurations become part of the command line, so that there is one way to read a value; a run's own stands behind what is asked
        // for now.
        HashSet<string> named = [.. onCommandLine, .. written is null ? [] : written.Where(entry => entry.Value is not null)
            .Select(entry => entry.Key)];
        JsonObject? began = run is null ? null : ConfigFile.Read(RunDirectory.ConfigurationPath(run), command.Command);
        IEnumerable<string> tokens =
        [
            .. began is null ? [] : ConfigFile.Tokens(RunDirectory.ConfigurationPath(run!), began, command.Command, named),
            .. written is null ? [] : ConfigFile.Tokens(config!, written, command.Command, onCommandLine),
        ];
        ParseResult whole = root.Parse([args[0], .. tokens, .. args[1..]], Parsing);
        RefuseErrors(whole, commands, config ?? RunDirectory.ConfigurationPath(run!));
        var settings = new Settings(command.Command, whole, onCommandLine, began is null ? null : named);
        if (began is not null) settings.CheckSame(began);
        return command.Run(settings, terminal);
    }

    // The folder of the run that is continued or read again; null where there is none.
    private static string? Continued(CliCommand command, ParseResult typed, JsonObject? written)
    {
        Flag<bool>[] given = [.. new[] { command.Resume, command.Reread }.OfType<Flag<bool>>()
            .Where(flag => typed.GetValue(flag) || Text(flag.Key) == "true")];
        if (given.Length > 1) throw new UsageException($"{given[0].Name} and {given[1].Name} do not go together; give one of them.");
        if (given is [var takenUp])
        {
            string folder = typed.GetValue(command.Common.Out) ?? Text("out")
                ?? throw new UsageException($"{takenUp.Name} needs --out: the folder of the "
                    + $"run{(takenUp == command.Resume ? " to continue" : "")}.");
            return RunDirectory.Exists(folder) ? folder : null;
        }

        return null;

        string? Text(string key) => (written?[key] as JsonValue)?.ToString();
    }

    private static RootCommand Root(CliCommand[] commands)
    {
        var root = new RootCommand(
            "MiniTransformer: trains a small transformer on demonstrations (SFT), recovers the dense reward that SFT has learned without "
                + "saying so, and improves the " +
            "policy with it (Dense-Path REINFORCE). Without a command it runs the demo.");
        foreach (CliCommand command in commands) root.Add(command.Command);
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((SynchronousCommandLineAction)help.Action!, commands);
        return root;
    }

    private static void RefuseErrors(ParseResult parsed, CliCommand[] commands, string? config)
    {
        if (parsed.Errors.Count == 0) return;
        Command command = parsed.CommandResult.Command;
        bool isRoot = command is RootCommand;
        string help = $"See '{Invocation.Of(isRoot ? ["--help"] : [command.Name, "--help"])}'.";
        if (parsed.UnmatchedTokens.FirstOrDefault() is { } unmatched)
        {
            string name = unmatched.Split('=')[0];
            throw new UsageException(name.StartsWith('-') && !isRoot
                ? $"{command.Name} has no option '{name}'.{Nearest.Hint(name, command.Options.Select(o => o.Name))} {help}"
                : isRoot
                    ? $"there is no command '{name}'.{Nearest.Hint(name, commands.Select(c => c.Command.Name))} Commands are "
                        + $"{string.Join(", ", commands.Select(c => c.Command.Name))}. {help}"
                    : $"'{unmatched}' does not belong to {command.Name}: it follows no option that takes a value. {help}");
        }

        string message = parsed.Errors[0].Message;
        throw new UsageException(config is null ? $"{message} {help}" : $"{config}: {message}");
    }

    // Help, then examples that can be pasted.
    private sealed class HelpWithExamples(SynchronousCommandLineAction help, CliCommand[] commands) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parsed)
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            var text = new StringWriter();
            parsed.InvocationConfiguration.Output = text; // its usage line has the name of whatever file was started
            int code = help.Invoke(parsed);
            parsed.InvocationConfiguration.Output = output;
            output.Write(text.ToString().Replace($"  {RootCommand.ExecutableName}", $"  {Invocation.Program}", StringComparison.Ordinal));
            CliCommand? command = Array.Find(commands, c => c.Command == parsed.CommandResult.Command);
            string[] examples = command?.Examples
                ?? ["demo", "sft --task reverse,sort --out runs/sft", "dpr --run runs/sft --out runs/dpr", "eval --run runs/dpr"];
            output.WriteLine("Examples:");
            foreach (string example in examples) output.WriteLine($"  {Invocation.Program} {example}");
            output.WriteLine();
            output.WriteLine("Exit codes: 0 done, 1 failed, 2 bad usage, 130 interrupted. Results go to standard output, messages to "
                + "standard error.");
            return code;
        }
    }
}
