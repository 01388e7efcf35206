using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>One experimental setting: what the base has seen, what the demonstrations are like, how everything is trained.</summary>
public sealed record Regime
{
    /// <summary>The name that the command line takes.</summary>
    public required string Name { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Description { get; init; }

    /// <summary>The tasks, by name.</summary>
    public string Tasks { get; init; } = "reverse,next,upper,swap";

    /// <summary>Prompts of each part.</summary>
    public PromptSplitSizes Sizes { get; init; } = new();

    /// <summary>Who wrote the base's corpus: mostly lazy answers.</summary>
    public Demonstrator BaseDemonstrator { get; init; } = new() { Good = .20 };

    /// <summary>Who wrote the demonstrations.</summary>
    public required Demonstrator Demonstrator { get; init; }

    /// <summary>The model's form.</summary>
    public TransformerConfig Model { get; init; } = SmallModel;

    /// <summary>Training of the base on its corpus: as many examples as steps × batch size.</summary>
    public SftOptions Pretraining { get; init; } = new()
    {
        Steps = 2400,
        BatchSize = 64,
        LearningRate = 2e-3,
        WarmupSteps = 50,
        FinalFraction = .05,
        KeepAt = [],
        Shuffle = false,
    };

    /// <summary>SFT of the base on the demonstrations.</summary>
    public SftOptions Sft { get; init; } = new();

    /// <summary>DPR from the SFT policy.</summary>
    public DprOptions Dpr { get; init; } = new() { MaxTokens = 8 };

    /// <summary>The floor δ of the floored reward.</summary>
    public double Floor { get; init; } = .1;

    /// <summary>The model of about 130,000 parameters that the built-in regimes use.</summary>
    public static TransformerConfig SmallModel { get; } = new()
    {
        VocabSize = new ByteTokenizer().VocabSize,
        HiddenSize = 64,
        IntermediateSize = 176,
        NumLayers = 2,
        NumHeads = 4,
        MaxPositions = 32,
    };

    /// <summary>The built-in regimes.</summary>
    public static IReadOnlyList<Regime> All { get; } =
    [
        new()
        {
            Name = "base-to-better",
            Description = "a base trained on mostly lazy answers (20% good), then demonstrations that are better but still imperfect (40% good)",
            Demonstrator = new() { Good = .40 },
        },
        new()
        {
            Name = "base-to-good",
            Description = "the same base, then demonstrations of which 60% are good",
            Demonstrator = new() { Good = .60 },
        },
        new()
        {
            Name = "base-to-curated",
            Description = "the same base, then demonstrations that are nearly clean (90% good)",
            Demonstrator = new() { Good = .90 },
        },
    ];

    /// <summary>The regime of a name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists them.</exception>
    public static Regime Named(string name) =>
        All.FirstOrDefault(r => r.Name == name)
        ?? throw new ArgumentException($"There is no regime '{name}'; the regimes are {string.Join(", ", All.Select(r => r.Name))}.");
}
