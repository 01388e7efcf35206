using System.CommandLine;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Nn;

namespace MiniTransformer.Cli.Commands;

/// <summary>The size of a new model.</summary>
internal sealed class ModelFlags
{
    private readonly Flag<int?> layers = Flags.OptionalInt("--layers", "new model: blocks [default: 2]", min: 1);
    private readonly Flag<int?> hidden = Flags.OptionalInt("--hidden", "new model: width [default: 64]", min: 1);
    private readonly Flag<int?> heads = Flags.OptionalInt("--heads", "new model: query heads [default: 4]", min: 1);
    private readonly Flag<int?> kvHeads = Flags.OptionalInt(
        "--kv-heads", "new model: key/value heads, a divisor of --heads [default: as many]", min: 1);
    private readonly Flag<int?> ffn = Flags.OptionalInt("--ffn", "new model: inner width of the feed-forward [default: 8/3 of the width]",
        min: 1);
    private readonly Flag<int?> context = Flags.OptionalInt(
        "--context", "new model: longest sequence in tokens [default: what the data needs, at least 32]", min: 2);
    private readonly Flag<double?> initStd = InitStd("new model: ");
    private readonly Flag<bool> tie = Flags.Switch("--tie", "new model: the output projection is the embedding");

    /// <summary>All of them.</summary>
    public Option[] All => [layers, hidden, heads, kvHeads, ffn, context, initStd, tie];

    /// <summary>The flag for the deviation of new weights.</summary>
    public static Flag<double?> InitStd(string prefix) => Flags.OptionalNumber(
        "--init-std",
        $"{prefix}standard deviation of random weights, smaller for what adds to the residual stream [default: √(2 / 5·width), .079 at "
            + "width 64]", max: 1, open: true);

    /// <summary>The configuration of the model: the base's, or a new one's.</summary>
    public TransformerConfig Resolve(Settings settings, TransformerConfig? baseConfig, Vocabulary vocabulary, RunData data, Device device)
    {
        if (baseConfig is not null)
        {
            if (Array.Find(All, flag => settings.OnCommandLine((IFlag)flag)) is { } flag)
                throw new UsageException($"{flag.Name} does not go with --base: the model has the base's size.");
            return baseConfig;
        }

        int c = settings.Resolve(hidden, settings.Get(hidden) ?? 64)!.Value, h = settings.Resolve(heads, settings.Get(heads) ?? 4)!.Value;

        // Sampled responses may be one token longer than the demonstrated ones.
        int needed = data.LongestExample + 1;
        var config = new TransformerConfig
        {
            VocabSize = vocabulary.Size,
            HiddenSize = c,
            IntermediateSize = settings.Resolve(ffn, settings.Get(ffn) ?? (8 * c / 3 + 15) / 16 * 16)!.Value,
            NumLayers = settings.Resolve(layers, settings.Get(layers) ?? 2)!.Value,
            NumHeads = h,
            NumKeyValueHeads = settings.Resolve(kvHeads, settings.Get(kvHeads) ?? h)!.Value,
            MaxPositions = settings.Resolve(context, settings.Get(context) ?? Math.Max(32, (needed + 15) / 16 * 16))!.Value,
            InitStd = settings.Get(initStd),
            TieEmbeddings = settings.Get(tie),
            BeginId = vocabulary.Tokens.Begin,
            Ends = vocabulary.Tokens.Ends,
            PadId = vocabulary.Tokens.Pad,
        };
        try
        {
            TrainingMemory.Require(config, device);
            return config.Validate();
        }
        catch (TransformerConfigException e)
        {
            throw new UsageException($"{e.Message} (--hidden {c}, --layers {config.NumLayers}, --heads {h}, --kv-heads "
                + $"{config.NumKeyValueHeads}, --ffn {config.IntermediateSize})");
        }
    }
}
