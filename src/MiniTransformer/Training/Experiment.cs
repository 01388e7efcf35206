using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>Something that happened in an <see cref="Experiment"/>.</summary>
public abstract record ExperimentEvent;

/// <summary>An update of one of the trainers.</summary>
/// <param name="Stage">What is being trained, such as "SFT" or an arm's name.</param>
/// <param name="Step">The update.</param>
public sealed record StepDone(string Stage, TrainingStep Step) : ExperimentEvent;

/// <summary>An arm of the comparison has been measured on the held-out prompts.</summary>
/// <param name="Arm">Its name.</param>
/// <param name="Measurement">The numbers.</param>
public sealed record ArmDone(string Arm, Measurement Measurement) : ExperimentEvent;

/// <summary>A point of an arm's accuracy curve, on validation prompts.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Step">Its updates so far; 0 is the SFT policy.</param>
/// <param name="Greedy">Accuracy of the most probable tokens.</param>
/// <param name="Sampled">Accuracy of one sampled response.</param>
public sealed record CurvePoint(string Arm, int Step, double Greedy, double Sampled) : ExperimentEvent;

/// <summary>
/// One seed of a regime, from random weights to the comparison: pretraining of the base, SFT, and then every arm from the same SFT
/// policy with the same number of further training sequences. All arms are measured on the same held-out prompts.
/// </summary>
public sealed class Experiment(Regime regime, ulong seed, Device device) : IDisposable
{
    // Points of an arm's accuracy curve after the first, and the validation prompts that they are measured on.
    private const int CurvePoints = 5, CurvePrompts = 200;

    private readonly Dictionary<string, Transformer> models = [];
    private IReadOnlyList<TaskPrompt> validation = [];

    /// <summary>The arms' names, in the order of the table.</summary>
    public static class Arms
    {
        /// <summary>The base model.</summary>
        public const string Base = "base";

        /// <summary>Supervised fine-tuning.</summary>
        public const string Sft = "SFT";

        /// <summary>The same policy, sampled at temperature 0.5.</summary>
        public const string SftCool = "SFT at T = 0.5";

        /// <summary>SFT continued for as many sequences as DPR draws.</summary>
        public const string Continued = "continued SFT";

        /// <summary>DPR with the base as reference.</summary>
        public const string Dpr = "DPR, reference base";

        /// <summary>DPR with the base as reference and a floor under both probabilities.</summary>
        public const string DprFloor = "DPR, reference base, floor";

        /// <summary>DPR with the half-way SFT checkpoint as reference.</summary>
        public const string DprHalf = "DPR, reference half-way";

        /// <summary>All of them.</summary>
        public static IReadOnlyList<string> All { get; } = [Base, Sft, SftCool, Continued, Dpr, DprFloor, DprHalf];
    }

    /// <summary>The seed.</summary>
    public ulong Seed => seed;

    /// <summary>The held-out prompts of the comparison.</summary>
    public IReadOnlyList<TaskPrompt> HeldOut { get; private set; } = [];

    /// <summary>The tokenizer.</summary>
    public ITokenizer Tokenizer { get; } = new ByteTokenizer();

    /// <summary>The policies by arm, once trained; "half-way" is the half-way SFT checkpoint.</summary>
    public IReadOnlyDictionary<string, Transformer> Models => models;

    /// <summary>Updates of the whole experiment, for a progress bar.</summary>
    public int TotalSteps =>
        regime.Pretraining.Steps + regime.Sft.StepsFor(regime.Sizes.Demonstrations) + ContinuedOptions().Steps + 3 * regime.Dpr.Updates;

    /// <summary>Runs the experiment; the events come as they happen.</summary>
    public IEnumerable<ExperimentEvent> Run()
    {
        IReadOnlyList<ITask> tasks = BuiltIn.Parse(regime.Tasks);
        var splits = new PromptSplits(tasks, seed, regime.Sizes);
        HeldOut = splits.Evaluation;
        validation = [.. splits.Validation.Take(CurvePrompts)];
        int[][] prompts = [.. splits.Reinforcement.Select(p => p.Encode(Tokenizer).Ids)];
        Example[] corpus = regime.BaseDemonstrator.Demonstrate(
            splits.Corpus(regime.Pretraining.Steps * regime.Pretraining.BatchSize), Tokenizer, SeedOf("corpus"));
        Example[] demonstrations = regime.Demonstrator.Demonstrate(splits.Demonstrations, Tokenizer, SeedOf("demonstrations"));

        // The base.
        var policy = new Transformer(regime.Model, ParameterSource.Random(device, seed));
        foreach (SftStep step in Sft.Train(policy, corpus, regime.Pretraining with { Seed = seed })) yield return new StepDone("pretraining", step);
        models[Arms.Base] = policy.Clone();

        // SFT, with its half-way checkpoint.
        foreach (SftStep step in Sft.Train(policy, demonstrations, regime.Sft with { Seed = seed, KeepAt = [.5] }))
        {
            if (step.KeepAt is not null) models["half-way"] = policy.Clone();
            yield return new StepDone(Arms.Sft, step);
        }

        models[Arms.Sft] = policy.Clone();
        var reward = new DenseReward(models[Arms.Sft], models[Arms.Base]);
        yield return Measure(Arms.Base, reward);
        yield return Measure(Arms.Sft, reward);
        yield return Measure(Arms.SftCool, reward, Arms.Sft, temperature: .5f);

        // More SFT with the same extra budget.
        CurvePoint start = Point(Arms.Continued, 0, policy);
        yield return start;
        foreach (SftStep step in Sft.Train(policy, demonstrations, ContinuedOptions()))
        {
            yield return new StepDone(Arms.Continued, step);
            if (IsPoint(step)) yield return Point(Arms.Continued, step.Step, policy);
        }

        models[Arms.Continued] = policy.Clone();
        yield return Measure(Arms.Continued, reward);

        // DPR: plain, floored, and with the half-way checkpoint as reference.
        (string Arm, DenseReward Reward)[] variants =
        [
            (Arms.Dpr, reward),
            (Arms.DprFloor, new DenseReward(reward.Expert, reward.References, new RewardOptions { Floor = regime.Floor })),
            (Arms.DprHalf, new DenseReward(reward.Expert, models["half-way"])),
        ];
        foreach ((string arm, DenseReward variant) in variants)
        {
            policy.CopyFrom(reward.Expert);
            yield return start with { Arm = arm };
            foreach (DprStep step in DensePathReinforce.Train(policy, variant, prompts, regime.Dpr with { Seed = seed }))
            {
                yield return new StepDone(arm, step);
                if (IsPoint(step)) yield return Point(arm, step.Step, policy);
            }

            models[arm] = policy.Clone();
            yield return Measure(arm, reward);
        }

        policy.Dispose();
    }

    /// <summary>Frees the policies.</summary>
    public void Dispose()
    {
        foreach (Transformer model in models.Values) model.Dispose();
        models.Clear();
    }

    // As many sequences as DPR draws, over the same demonstrations, at the same learning rate.
    private SftOptions ContinuedOptions() => regime.Sft with
    {
        Seed = seed + 1_000_003,
        Steps = Math.Max(1, regime.Dpr.Updates * regime.Dpr.PromptsPerUpdate / regime.Sft.BatchSize),
        KeepAt = [],
    };

    private static bool IsPoint(TrainingStep step) => step.Step * CurvePoints / step.Total > (step.Step - 1) * CurvePoints / step.Total;

    private CurvePoint Point(string arm, int step, Transformer policy)
    {
        var sampling = new SamplingOptions { MaxTokens = regime.Dpr.MaxTokens, Seed = SeedOf("validation") };
        return new CurvePoint(
            arm, step, Evaluation.Accuracy(policy, validation, Tokenizer, sampling with { Temperature = 0 }).Total,
            Evaluation.Accuracy(policy, validation, Tokenizer, sampling).Total);
    }

    private ArmDone Measure(string arm, DenseReward reward, string? model = null, float temperature = 1) => new(
        arm,
        Evaluation.Measure(
            models[model ?? arm], reward, HeldOut, Tokenizer,
            new SamplingOptions { MaxTokens = regime.Dpr.MaxTokens, Seed = SeedOf("evaluation"), Temperature = temperature }));

    private ulong SeedOf(string use) => NamedSeed.Of(use, seed);
}
