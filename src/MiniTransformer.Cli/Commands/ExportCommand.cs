using System.CommandLine;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Nn;
using MiniTransformer.Nn.Gguf;

namespace MiniTransformer.Cli.Commands;

/// <summary>export: a model as the one file of llama.cpp.</summary>
internal sealed class ExportCommand
{
    private readonly Command command = new("export",
        "Write a model as a GGUF file for llama.cpp, Ollama and LM Studio, tokenizer and chat template included.");
    private readonly CommonFlags common;
    private readonly Flag<string?> model = Flags.Path("--model", "a model's folder, or a run's, which means its final checkpoint");
    private readonly Flag<string?> run = Flags.Path("--run", "a run's folder: the same as --model");
    private readonly Flag<string?> checkpoint = Flags.Text("--checkpoint", "of a run's folder: base, fraction-0.50, final ...", "NAME");
    private readonly Flag<string?> gguf = Flags.Path("--gguf", "the file to write", "FILE");
    private readonly Flag<string?> dtype = Flags.Text("--dtype",
        "type of the matrices: f16, bf16 or f32; by default the one that each came in", "WORD");

    private ExportCommand() =>
        common = new CommonFlags(command, "write what was done to this file instead of standard output", "FILE",
            "accepted for uniformity: nothing is drawn here");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var export = new ExportCommand();
        foreach (Option flag in new Option[] { export.model, export.run, export.checkpoint, export.gguf, export.dtype })
        {
            export.command.Add(flag);
        }
        return new CliCommand(
            export.command, export.common,
            ["export --model runs/sft --gguf model.gguf", "export --run runs/dpr --gguf model.gguf --dtype f16"], export.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string? path = settings.Get(model) ?? settings.Get(run);
        if (path is null || (settings.Get(model) is not null && settings.Get(run) is not null))
        {
            throw new UsageException("one of --model and --run is needed.");
        }
        string file = settings.Required(gguf);
        ElementType? type = settings.Get(dtype) switch
        {
            null => null,
            "f32" => ElementType.F32,
            "f16" => ElementType.F16,
            "bf16" => ElementType.BF16,
            var other => throw new UsageException($"--dtype {other}: needed is f16, bf16 or f32."),
        };
        if (Directory.Exists(file)) throw new UsageException($"--gguf {Invocation.Shown(file)} is a folder; give a file's name.");
        string flag = settings.Given(checkpoint) ? checkpoint.Name : settings.Get(model) is null ? run.Name : model.Name;
        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Named(flag, path, device, settings.Get(checkpoint) ?? ModelFolder.Final);
        using Transformer transformer = loaded.Model.Merged();
        Vocabulary vocabulary = loaded.Vocabulary;
        if (vocabulary.Tokenizer is null) terminal.Say($"note: the file has no tokenizer. {vocabulary.WhyNone}");
        if (transformer.Config.Form is { Windows: not null, ModelType: not "gemma3_text" })
            terminal.Say("note: llama.cpp has no sliding window for this family; the file's context ends where the window would begin to "
                + "matter.");
        GgufModel.Write(file, transformer, vocabulary.Tokenizer, type);
        using ResultFile results = ResultFile.Open(settings.Get(common.Out), terminal);
        results.Writer.WriteLine($"{Invocation.Shown(file)}: {transformer.Config.Form.ModelType}, {new FileInfo(file).Length:N0} bytes");
        results.Keep();
        return ExitCode.Done;
    }
}
