using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>
/// What all methods of one regime and seed start from: the data in its parts, the base where there is one, π_SFT, and the references that
/// were kept on the way. <see cref="Prepare"/> trains them; everything is a function of regime and seed.
/// </summary>
public sealed class World : IDisposable
{
    /// <summary>The name of the base among the <see cref="References"/>.</summary>
    public const string Base = "base";

    /// <summary>The stage in which the base is trained.</summary>
    public const string Pretraining = "pretraining";

    private static readonly double[] Fractions = [.05, .10, .25, .50, .75];

    private readonly Dictionary<string, Transformer> references = [];
    private Transformer? start;
    private Transformer? expert;

    /// <summary>Draws the data; nothing is trained yet.</summary>
    /// <param name="regime">The setting.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="baseFolder">A folder that keeps trained bases, which several regimes share; null keeps none.</param>
    public World(Regime regime, ulong seed, Device device, string? baseFolder = null)
    {
        (Regime, Seed, Device) = (regime, seed, device);
        Data = WorldData.Of(regime, seed);
        Prompts = [.. Data.Reinforcement.Select(p => p.Encode(Tokenizer).Ids)];
        BaseFolder = baseFolder is null || !regime.PretrainsBase
            ? null
            : Path.Combine(baseFolder, FormattableString.Invariant($"{BaseKey(regime):x16}-seed-{seed}"));
    }

    /// <summary>The setting.</summary>
    public Regime Regime { get; }

    /// <summary>The seed.</summary>
    public ulong Seed { get; }

    /// <summary>Where everything is computed.</summary>
    public Device Device { get; }

    /// <summary>Text to tokens.</summary>
    public ITokenizer Tokenizer => Data.Tokenizer;

    /// <summary>Where the base is kept; worlds that share one must not be prepared at the same time. Null where none is.</summary>
    public string? BaseFolder { get; }

    /// <summary>The prompts in their parts, and the demonstrations.</summary>
    public WorldData Data { get; }

    /// <summary>Token ids of the prompts that reinforcement answers.</summary>
    public IReadOnlyList<int[]> Prompts { get; }

    /// <summary>The demonstrations, in their order.</summary>
    public IReadOnlyList<Example> Demonstrations => Data.Demonstrations;

    /// <summary>What SFT starts from: the base, or random weights.</summary>
    public Transformer Start => start ?? throw NotPrepared();

    /// <summary>π_SFT.</summary>
    public Transformer Expert => expert ?? throw NotPrepared();

    /// <summary>
    /// The policies that r̂ may be taken relative to, by name: "base" where there is one, and SFT's checkpoints by percent, such as "50%".
    /// </summary>
    public IReadOnlyDictionary<string, Transformer> References => references;

    private bool BaseIsKept => BaseFolder is not null && Checkpoint.IsModel(BaseFolder);

    /// <summary>The name of SFT's checkpoint at a fraction of its samples.</summary>
    public static string Fraction(double fraction) => FormattableString.Invariant($"{Math.Round(100 * fraction)}%");

    /// <summary>The names of a regime's references, earliest first.</summary>
    public static IReadOnlyList<string> ReferencesOf(Regime regime) =>
        regime.HasBase ? [Base, .. Fractions.Select(Fraction)] : [.. Fractions.Select(Fraction)];

    /// <summary>A reference by name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public Transformer Reference(string name) => references.TryGetValue(name, out Transformer? model)
        ? model
        : throw new ArgumentException($"There is no reference '{name}' in regime {Regime.Name}; there are "
            + $"{string.Join(", ", references.Keys)}.");

    /// <summary>The dense reward of π_SFT relative to a reference, or to an ensemble of them: names joined by plus signs.</summary>
    public DenseReward Reward(string reference, RewardOptions? options = null) =>
        new(Expert, [.. reference.Split('+').Select(Reference)], options);

    /// <summary>The tasks' own verdict on responses to the prompts that reinforcement answers: their scores in [0, 1].</summary>
    public ResponseJudge Judge => field ??= JudgedReward.Of(Data.Reinforcement, Tokenizer);

    /// <summary>Trains the base and π_SFT; the updates come as they happen.</summary>
    public IEnumerable<ExperimentEvent> Prepare()
    {
        Transformer policy;
        if (Regime.Own?.BaseFolder is { } own)
        {
            policy = Checkpoint.LoadModel(own, Device);
        }
        else if (BaseIsKept)
        {
            policy = Checkpoint.LoadModel(BaseFolder!, Device);
        }
        else
        {
            policy = new Transformer(Regime.Model, ParameterSource.Random(Device, Seed));
            if (Regime.PretrainsBase)
            {
                foreach (SftStep step in Sft.Train(policy, Data.Corpus(), Regime.Pretraining with { Seed = Seed }))
                {
                    yield return new StepDone(Pretraining, step);
                }

                if (BaseFolder is not null) Checkpoint.Save(BaseFolder, policy, Tokenizer);
            }
        }

        start = policy.Clone();
        if (Regime.HasBase) references[Base] = start;
        foreach (SftStep step in Sft.Train(policy, Demonstrations, SftOptions with { KeepAt = Fractions }))
        {
            foreach (double fraction in Fractions.Where(f => f <= step.Fraction + 1e-12 && !references.ContainsKey(Fraction(f))))
            {
                references[Fraction(fraction)] = policy.Clone();
            }
            yield return new StepDone("SFT", step);
        }

        expert = policy.Clone();
        policy.Dispose();
    }

    /// <summary>The settings of SFT, with this seed.</summary>
    public SftOptions SftOptions => Regime.Sft with { Seed = Seed, KeepAt = [] };

    /// <summary>The settings of DPR, with this seed.</summary>
    public DprOptions DprOptions => Regime.Dpr with { Seed = Seed, Ends = Tokenizer.Tokens.Ends };

    /// <summary>A seed for one use of this world.</summary>
    public ulong SeedOf(string use) => NamedSeed.Of(use, Seed);

    /// <summary>Frees the policies.</summary>
    public void Dispose()
    {
        foreach (Transformer model in references.Values.Append(start).Append(expert).OfType<Transformer>().Distinct()) model.Dispose();
        references.Clear();
        (start, expert) = (null, null);
    }

    // Regimes with the same tasks, prompts, corpus, model and pretraining share a base.
    private static ulong BaseKey(Regime r) => NamedSeed.Of(
        FormattableString.Invariant($"{r.Tasks} {r.Words} {r.Sizes} {r.BaseDemonstrator} {r.Model} {r.Pretraining}"), 0);

    private InvalidOperationException NotPrepared() =>
        new($"The world of {Regime.Name}, seed {Seed}, is not prepared: run Prepare() to its end first.");
}
