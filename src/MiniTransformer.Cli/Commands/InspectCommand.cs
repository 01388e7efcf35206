using System.CommandLine;
using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Text;
using MiniTransformer.Training;
using Spectre.Console;

namespace MiniTransformer.Cli.Commands;

/// <summary>inspect: what training sees of data: text, tokens, and which of them carry loss.</summary>
internal sealed class InspectCommand
{
    private readonly Command command = new("inspect",
        "Show what training sees of data: the rendered text, its tokens, and which of them carry loss.");
    private readonly CommonFlags common;
    private readonly Flag<string?> tokenizer = Flags.Path("--tokenizer",
        "a folder with tokenizer.json, and tokenizer_config.json for its chat template");
    private readonly Flag<string?> model = Flags.Path("--model", "instead: a model's folder");
    private readonly Flag<string?> run = Flags.Path("--run", "instead: a run's folder, which means its final checkpoint");
    private readonly Flag<string?> data = Flags.Path(
        "--data", "lines of data: {\"text\"}, {\"prompt\",\"completion\"}, {\"messages\",\"add_generation_prompt\"} ...", "FILE");
    private readonly Flag<string> lossOn = Flags.Choice(
        "--loss-on", "conversations: which turns of the assistant carry loss, all of them or the last", ["all", "last"], "all");
    private readonly Flag<bool> json = Flags.Switch("--json", "one JSON line a line of data: text, ids, loss (0 or 1 an id)", saved: false);

    private InspectCommand() => common = new CommonFlags(command, "write to this file instead of standard output", "FILE");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var inspect = new InspectCommand();
        foreach (Option flag in new Option[] { inspect.tokenizer, inspect.model, inspect.run, inspect.data, inspect.lossOn, inspect.json })
        {
            inspect.command.Add(flag);
        }
        string[] examples =
        [
            "inspect --model models/qwen --data chats.jsonl",
            "inspect --tokenizer models/qwen --data chats.jsonl --json --out seen.jsonl",
            "inspect --run runs/sft --data demonstrations.jsonl",
        ];
        return new CliCommand(inspect.command, inspect.common, examples, inspect.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string file = settings.Required(data);
        Vocabulary vocabulary = VocabularyOf(settings);
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        bool coloured = settings.Get(common.Out) is null && terminal.OutIsTerminal;
        JsonlOptions options = new() { LastTurnOnly = settings.Get(lossOn) == "last", Say = terminal.Say };
        int shown = 0;
        foreach (SeenLine line in terminal.Stop.Await(SeenLine.Read(file, vocabulary.Tokenizer, options)))
        {
            shown++;
            if (settings.Get(json))
            {
                results.Writer.WriteLine(JsonSerializer.Serialize(new
                {
                    text = line.Text,
                    ids = line.Ids,
                    loss = Array.ConvertAll(line.Loss, l => l ? 1 : 0)
                }, RunDirectory.Json));
                continue;
            }

            results.Writer.WriteLine($"{Invocation.Shown(line.Source)}: {line.Ids.Length} tokens, {line.Loss.Count(l => l)} with loss");
            if (coloured)
            {
                terminal.PrintColoured(Pieces(line, vocabulary).Select(piece => (piece.Text, piece.Loss ? Color.Green : (Color?)null)));
            }
            else
            {
                results.Writer.WriteLine(string.Concat(Pieces(line, vocabulary)
                    .Select(piece => piece.Loss ? $"⟦{piece.Text}⟧" : piece.Text)));
            }
            results.Writer.WriteLine($"ids: {string.Join(' ', line.Ids.Select((id, i) => line.Loss[i] ? $"{id}*" : $"{id}"))}");
            results.Writer.WriteLine();
        }

        if (shown == 0) throw new DataException($"{file}: the file holds no line.");
        results.Keep();
        return ExitCode.Done;
    }

    private Vocabulary VocabularyOf(Settings settings)
    {
        if (new[] { tokenizer, model, run }.Count(flag => settings.Get(flag) is not null) != 1)
            throw new UsageException("one of --tokenizer, --model and --run is needed: whose tokens are to be shown.");
        if (settings.Get(tokenizer) is { } folder)
        {
            if (!Directory.Exists(folder))
            {
                throw new UsageException($"--tokenizer: there is no folder '{Invocation.Shown(folder)}'.{ModelFolder.Neighbour(folder)}");
            }
            return Vocabulary.Of(TokenizerFile.Load(folder)
                ?? throw new FileNotFoundException($"The folder '{Invocation.Shown(folder)}' has no {TokenizerFile.FileName} "
                    + "(--tokenizer)."));
        }

        string found = settings.Get(model) is { } named
            ? ModelFolder.Named(model.Name, named)
            : ModelFolder.Named(run.Name, settings.Get(run)!);
        return Vocabulary.Of(found, Checkpoint.LoadConfig(found));
    }

    // Neighbours of one kind together: tokens as people read them.
    private static IEnumerable<(string Text, bool Loss)> Pieces(SeenLine line, Vocabulary vocabulary)
    {
        for (int start = 0, end; start < line.Ids.Length; start = end)
        {
            for (end = start + 1; end < line.Ids.Length && line.Loss[end] == line.Loss[start];) end++;
            yield return (string.Concat(line.Ids[start..end].Select(vocabulary.Show)).Replace("<0x0A>", "\\n\n", StringComparison.Ordinal),
                line.Loss[start]);
        }
    }
}
