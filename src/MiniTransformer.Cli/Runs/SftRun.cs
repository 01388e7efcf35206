using System.Text.Json.Serialization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Optim;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>The settings of an SFT run.</summary>
internal sealed record SftRun : TrainingSettings
{
    /// <summary>--task.</summary>
    public string? Task { get; init; }

    /// <summary>--data.</summary>
    public string? Data { get; init; }

    /// <summary>--base.</summary>
    public string? Base { get; init; }

    /// <summary>--steps.</summary>
    public int? Steps { get; init; }

    /// <summary>--epochs.</summary>
    public double? Epochs { get; init; }

    /// <summary>--batch.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>--micro-batch.</summary>
    public int MicroBatch { get; init; }

    /// <summary>--lr.</summary>
    public double Lr { get; init; } = 3e-4;

    /// <summary>--warmup.</summary>
    public int? Warmup { get; init; }

    /// <summary>--final-fraction.</summary>
    public double FinalFraction { get; init; } = .02;

    /// <summary>--max-grad-norm.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>--keep-at.</summary>
    [JsonConverter(typeof(FractionsConverter))]
    public double[] KeepAt { get; init; } = [.1, .5];

    /// <summary>--demonstrations.</summary>
    public int? Demonstrations { get; init; }

    /// <summary>--good.</summary>
    public double Good { get; init; } = 1;

    /// <summary>--held-out.</summary>
    public double HeldOut { get; init; } = .1;

    /// <summary>What <see cref="LossOn"/> was before there was the flag.</summary>
    public const string LossOnFormerly = "last";

    /// <summary>--loss-on; a run.json that does not say it is older than the flag.</summary>
    public string LossOn { get; init; } = LossOnFormerly;

    /// <summary>--in-order.</summary>
    public bool InOrder { get; init; }

    /// <summary>--objective.</summary>
    public string Objective { get; init; } = "sft";

    /// <summary>--gamma.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>--alpha.</summary>
    public double Alpha { get; init; } = 10;

    /// <summary>--recompute.</summary>
    public bool Recompute { get; init; }

    /// <summary>--lora.</summary>
    public string? Lora { get; init; }

    /// <summary>--trainable.</summary>
    public string? Trainable { get; init; }

    /// <summary>--layers.</summary>
    public int? Layers { get; init; }

    /// <summary>--hidden.</summary>
    public int? Hidden { get; init; }

    /// <summary>--heads.</summary>
    public int? Heads { get; init; }

    /// <summary>--kv-heads.</summary>
    public int? KvHeads { get; init; }

    /// <summary>--ffn.</summary>
    public int? Ffn { get; init; }

    /// <summary>--context.</summary>
    public int? Context { get; init; }

    /// <summary>--init-std.</summary>
    public double? InitStd { get; init; }

    /// <summary>--tie.</summary>
    public bool Tie { get; init; }

    /// <summary>The hash of --data.</summary>
    [JsonPropertyName("dataSha256")]
    public string? DataSha256 { get; init; }

    /// <summary>The hash of --base.</summary>
    [JsonPropertyName("baseSha256")]
    public string? BaseSha256 { get; init; }

    /// <summary>The data, as an input.</summary>
    public RunInput? DataInput => Data is null ? null : new RunInput("the data (--data)", Data, DataSha256, IsModel: false);

    /// <summary>The base, as an input.</summary>
    public RunInput? BaseInput => Base is null ? null : new RunInput("the base (--base)", Base, BaseSha256, IsModel: true);

    /// <inheritdoc/>
    public override SftRun Demonstrated => this;

    /// <inheritdoc/>
    public override int? LongestDrawn => null;

    /// <inheritdoc/>
    public override DataSource SourceAt(string folder) => SourceAt((Folder, folder));

    /// <summary>The same, with all folders that may have moved with the file.</summary>
    public DataSource SourceAt(params (string?, string)[] moved) =>
        DataInput is { } input ? Source with { File = input.Find(moved), EvalFile = EvalInput?.Find(moved) } : Source;

    /// <summary>Where the demonstrations come from.</summary>
    public DataSource Source => Data is { } file
        ? new DataSource(null, file, 1, 0, HeldOut, Seed, Verify ?? JudgeFlag.Default, EvalData, LossOn == "last")
        : new DataSource(Task, null, Good, Demonstrations ?? 0, 0, Seed);

    /// <summary>The settings of the trainer: of the run itself, and of whatever goes on as it began.</summary>
    public SftOptions Options() => new()
    {
        Steps = Steps ?? 0,
        Epochs = Epochs ?? 1,
        BatchSize = Batch,
        MicroBatchSize = MicroBatch,
        LearningRate = Lr,
        WarmupSteps = Warmup ?? -1,
        FinalFraction = FinalFraction,
        KeepAt = KeepAt,
        Shuffle = !InOrder,
        Seed = Seed,
        Objective = new Objective(
            Objective switch
            {
                "sft" => ObjectiveKind.Sft,
                "inverse-q" => ObjectiveKind.InverseQ,
                "inverse-q-chi2" => ObjectiveKind.InverseQChi2,
                "dft" => ObjectiveKind.Dft,
                var other => throw new UsageException($"'{other}' is no objective; there are sft, inverse-q, inverse-q-chi2 and dft."),
            },
            Gamma, Alpha),
        Optimizer = new AdamWOptions { ClipNorm = (float)MaxGradNorm },
    };
}
