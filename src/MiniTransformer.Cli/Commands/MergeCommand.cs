using System.CommandLine;
using System.Globalization;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Commands;

/// <summary>merge: a whole model of a base and its adapters.</summary>
internal sealed class MergeCommand
{
    private readonly Command command = new("merge",
        "Make a whole model of adapters and their base: the products of the factors are added to the weights.");
    private readonly CommonFlags common;
    private readonly Flag<string?> run = Flags.Path("--run", "folder of a run that has trained adapters, which means its final checkpoint");
    private readonly Flag<string?> model = Flags.Path("--model", "instead: a folder of adapters in PEFT's form");
    private readonly Flag<string?> checkpoint = Flags.Text("--checkpoint", "another checkpoint of the run", "NAME");
    private readonly Flag<string?> saveType = TypeFlag.Create();

    private MergeCommand() =>
        common = new CommonFlags(command, "folder of the model, a new one", seedDescription: "accepted for uniformity: nothing is drawn "
            + "here");

    /// <summary>The command.</summary>
    public static CliCommand Create()
    {
        var merge = new MergeCommand();
        foreach (Option flag in new Option[] { merge.run, merge.model, merge.checkpoint, merge.saveType }) merge.command.Add(flag);
        return new CliCommand(merge.command, merge.common,
            ["merge --run runs/adapters --out models/mine", "merge --model peft/mine --out models/mine --save-dtype float32"], merge.Run);
    }

    private int Run(Settings settings, Terminal terminal)
    {
        string? path = settings.Get(model) ?? settings.Get(run);
        if (path is null || (settings.Get(model) is not null && settings.Get(run) is not null))
        {
            throw new UsageException("one of --run and --model is needed.");
        }
        string folder = settings.Required(common.Out);
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
            throw new UsageException($"--out: '{Invocation.Shown(folder)}' exists already; name a new folder.");
        using Device device = common.Device(settings, terminal.Stop);
        using var loaded = LoadedModel.Named(settings.Get(model) is null ? run.Name : model.Name, path, device, settings.Get(checkpoint)
            ?? ModelFolder.Final);
        if (loaded.Model.Lora is not { } lora)
        {
            throw new UsageException($"'{Invocation.Shown(path)}' has no adapters: it is a whole model already.");
        }
        using Transformer merged = loaded.Model.Merged();
        ElementType? type = settings.Get(saveType) is { } named ? TypeFlag.Type(named) : null;
        Checkpoint.Save(folder, merged, loaded.Vocabulary.Tokenizer, type);
        string count = merged.ParameterCount.ToString("N0", CultureInfo.InvariantCulture);
        terminal.Say($"{Invocation.Shown(folder)}: {count} parameters in {(type ?? merged.StoredAs).Name()}, with adapters of rank "
            + $"{lora.Rank} merged in.");
        return ExitCode.Done;
    }
}
