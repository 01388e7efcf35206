using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>One experimental setting: what the base has seen, what the demonstrations are like, how everything is trained.</summary>
public sealed record Regime
{
    /// <summary>The name that the command line takes.</summary>
    public required string Name { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Description { get; init; }

    /// <summary>The user's own data, which take the place of tasks, demonstrators and the base's corpus; null for tasks.</summary>
    public OwnData? Own { get; init; }

    /// <summary>The tasks, by name.</summary>
    public string Tasks { get; init; } = "reverse,next,upper,swap";

    /// <summary>The words that prompts are made of; 4 to 6 letters if null.</summary>
    public Words? Words { get; init; }

    /// <summary>Prompts of each part.</summary>
    public PromptSplitSizes Sizes { get; init; } = new();

    /// <summary>Who wrote the base's corpus; null where SFT starts from random weights.</summary>
    public Demonstrator? BaseDemonstrator { get; init; }

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

    /// <summary>Who wrote the demonstrations: several write equal parts, one after the other.</summary>
    public required IReadOnlyList<Demonstrator> Demonstrators { get; init; }

    /// <summary>The model's form.</summary>
    public TransformerConfig Model { get; init; } = SmallModel;

    /// <summary>SFT on the demonstrations.</summary>
    public SftOptions Sft { get; init; } = new();

    /// <summary>
    /// DPR from the SFT policy. The other methods that train on sequences get as many: updates × prompts. DPR itself draws at most that:
    /// the last batch of a pass over its prompts is short.
    /// </summary>
    public DprOptions Dpr { get; init; } = new() { MaxTokens = 8 };

    /// <summary>The floor δ of the floored reward.</summary>
    public double Floor { get; init; } = .1;

    /// <summary>Whether SFT starts from a base.</summary>
    public bool HasBase => PretrainsBase || Own?.BaseFolder is not null;

    /// <summary>Whether the base is trained here, on its own corpus.</summary>
    public bool PretrainsBase => BaseDemonstrator is not null;

    /// <summary>Whether the demonstrations change in kind while SFT goes through them.</summary>
    public bool IsOrdered => Parts > 1;

    /// <summary>
    /// The number of equal parts of the demonstrations that follow one another: one for each demonstrator, two halves for own data in their
    /// order.
    /// </summary>
    public int Parts => Own is null ? Demonstrators.Count : Sft.Shuffle ? 1 : 2;

    /// <summary>
    /// The reference that the methods use unless they name another: the base, or else the checkpoint after a tenth of SFT.
    /// </summary>
    public string MainReference => HasBase ? World.Base : World.Fraction(.1);

    /// <summary>Number of demonstrations.</summary>
    public int DemonstrationCount => Own?.Demonstrations.Count ?? Sizes.Demonstrations;

    /// <summary>What accuracy is, in a word or two.</summary>
    public string Measured => Own?.Measured ?? "exact match";

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

    /// <summary>The tasks themselves.</summary>
    public IReadOnlyList<ITask> TaskList => BuiltIn.Parse(Tasks, Words);

    /// <summary>The memory of a step of SFT and of an update of DPR whose sequences are as long as they may be.</summary>
    /// <param name="device">Where it would be taken.</param>
    public (StepMemory Sft, StepMemory Dpr) Memory(Device device)
    {
        int response = Math.Min(Dpr.MaxTokens, Model.MaxPositions),
            prompt = Math.Min(Own?.LongestPrompt ?? int.MaxValue, Model.MaxPositions - response + 1);
        using var dry = Device.DryRun(device);
        Transformer? own = Own?.BaseFolder is { } folder ? Checkpoint.LoadBlank(folder, dry) : null;
        LoraOptions? lora = own?.Lora; // only of a base that is adapters there is a part that stays frozen
        using Transformer expert = lora is null ? Transformer.Blank(Model, dry) : own!;
        if (lora is null) own?.Dispose();
        return (
            StepMemory.OfSft(Model,
                new ResponseBatch([.. Enumerable.Repeat(new Example(new int[prompt], new int[response]), Sft.BatchSize)]),
                lora: lora, frozen: expert.StoredAs, like: device),
            StepMemory.OfDpr(expert, [expert], [.. Enumerable.Repeat(new int[prompt], Dpr.PromptsPerUpdate)], Dpr));
    }

    /// <summary>The same at a size that shows that everything works, in seconds; its numbers mean nothing.</summary>
    public Regime Reduced() => this with
    {
        Sizes = new PromptSplitSizes(Evaluation: 80, Validation: 40, Reinforcement: 400, Demonstrations: 400),
        Pretraining = Pretraining with { Steps = 150 },
        Own = Own?.Reduced(),
        Sft = Sft with { Steps = Sft.Steps > 0 || Own is not null ? 40 : 0 },
        Dpr = Dpr with { Updates = 6, PromptsPerUpdate = 64 },
    };
}
