using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MiniTransformer.Optim;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>The settings of a DPR run.</summary>
internal sealed record DprRun : TrainingSettings
{
    /// <summary>--run: the folder of the SFT run.</summary>
    public string Run { get; init; } = "";

    /// <summary>--updates.</summary>
    public int Updates { get; init; } = 50;

    /// <summary>--reference.</summary>
    public string? Reference { get; init; }

    /// <summary>--reward.</summary>
    public string Reward { get; init; } = "baseline-relative";

    /// <summary>--floor.</summary>
    public double Floor { get; init; }

    /// <summary>--centred.</summary>
    public bool Centred { get; init; }

    /// <summary>--clip.</summary>
    public double Clip { get; init; }

    /// <summary>--gamma.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>--sentence-level.</summary>
    public bool SentenceLevel { get; init; }

    /// <summary>--no-baseline.</summary>
    public bool NoBaseline { get; init; }

    /// <summary>--no-whiten.</summary>
    public bool NoWhiten { get; init; }

    /// <summary>--beta.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>--beta-ref.</summary>
    public double BetaRef { get; init; }

    /// <summary>--kl.</summary>
    public string Kl { get; init; } = "exact";

    /// <summary>--entropy-bonus.</summary>
    public double EntropyBonus { get; init; }

    /// <summary>--prompts-per-update.</summary>
    public int PromptsPerUpdate { get; init; } = 192;

    /// <summary>--micro-batch.</summary>
    public int MicroBatch { get; init; }

    /// <summary>--lr.</summary>
    public double Lr { get; init; } = 5e-4;

    /// <summary>--warmup.</summary>
    public int Warmup { get; init; } = 10;

    /// <summary>--max-grad-norm.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>--temperature.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>--max-tokens.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>--collapse-kl.</summary>
    public double CollapseKl { get; init; } = 30;

    /// <summary>--prompts.</summary>
    public string? Prompts { get; init; }

    /// <summary>The settings of the SFT run.</summary>
    public SftRun Sft { get; init; } = new();

    /// <summary>What the advisor said, where it chose the reference.</summary>
    public JsonNode? Advice { get; init; }

    /// <summary>The hash of π_SFT.</summary>
    [JsonPropertyName("runSha256")]
    public string? RunSha256 { get; init; }

    /// <summary>The hashes of the references.</summary>
    [JsonPropertyName("referenceSha256")]
    public string[]? ReferenceSha256 { get; init; }

    /// <summary>The hash of --prompts.</summary>
    [JsonPropertyName("promptsSha256")]
    public string? PromptsSha256 { get; init; }

    /// <summary>π_SFT, as an input.</summary>
    public RunInput RunInput => new("the SFT run (--run)", Run, RunSha256, IsModel: true);

    /// <summary>The prompts, as an input.</summary>
    public RunInput? PromptsInput =>
        Prompts is null ? null : new RunInput("the prompts (--prompts)", Prompts, PromptsSha256, IsModel: false);

    /// <inheritdoc/>
    public override SftRun Demonstrated => Sft;

    /// <inheritdoc/>
    public override int? LongestDrawn => MaxTokens;

    /// <inheritdoc/>
    public override DataSource SourceAt(string folder) =>
        Sft.DataInput is null ? Sft.Source : Sft.SourceAt((Folder, folder), (Sft.Folder, RunInput.Find((Folder, folder))));

    /// <summary>The references, as --reference names them, with folders where they are now.</summary>
    /// <param name="folder">Where the run is now.</param>
    /// <param name="sftRun">Where the SFT run is now.</param>
    /// <exception cref="InvalidDataException">One has changed.</exception>
    public string ReferenceAt(string folder, string sftRun)
    {
        string[] names = ModelFolder.ReferenceNames(Reference!);
        for (int i = 0; i < names.Length; i++)
        {
            string? hash = ReferenceSha256 is { } all && all.Length == names.Length ? all[i] : null;
            string path = Path.IsPathRooted(names[i]) ? names[i] : ModelFolder.Reference(sftRun, names[i]);
            string found = new RunInput($"the reference {Path.GetFileName(names[i])} (--reference)", path, hash, IsModel: true)
                .Find((Folder, folder));
            if (Path.IsPathRooted(names[i])) names[i] = found;
        }

        return string.Join(',', names);
    }

    /// <summary>The settings of the reward.</summary>
    public RewardOptions RewardOptions => new()
    {
        Kind = Reward switch
        {
            "baseline-relative" => RewardKind.BaselineRelative,
            "log-policy" => RewardKind.LogPolicy,
            _ => throw new InvalidDataException($"'{Reward}' names no reward."),
        },
        Floor = Floor,
        Centred = Centred,
        Clip = Clip,
    };

    /// <summary>The settings of the trainer.</summary>
    /// <param name="maxTokens">The longest response.</param>
    /// <param name="vocabulary">What ids mean.</param>
    public DprOptions Options(int maxTokens, Vocabulary vocabulary) => new()
    {
        Updates = Updates,
        PromptsPerUpdate = PromptsPerUpdate,
        MicroBatchSize = MicroBatch,
        LearningRate = Lr,
        WarmupUpdates = Warmup,
        Temperature = (float)Temperature,
        MaxTokens = maxTokens,
        Gamma = Gamma,
        SentenceLevel = SentenceLevel,
        Baseline = NoBaseline ? Baseline.None : Baseline.PositionMean,
        Whiten = !NoWhiten,
        Beta = Beta,
        ReferenceBeta = BetaRef,
        KlForm = Kl switch { "k3" => KlForm.K3, "k1" => KlForm.K1InReward, _ => KlForm.Exact },
        EntropyBonus = EntropyBonus,
        Optimizer = new AdamWOptions { WeightDecay = 0, ClipNorm = (float)MaxGradNorm },
        Seed = Seed,
        CollapseKl = CollapseKl,
        Ends = vocabulary.Ends,
    };
}
