using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>Dense-Path REINFORCE and its variants.</summary>
/// <param name="From">The reference of r̂; of an ensemble their names, joined by plus signs.</param>
/// <param name="Variant">What distinguishes it: "" is plain DPR.</param>
public sealed record DprMethod(string From, string Variant = "") : Method(Variant.Length == 0 ? MethodRole.Dpr : MethodRole.Other)
{
    /// <summary>The knob of the discount: a setting that changes the objective, not the distance from π_SFT.</summary>
    public const string Discount = "γ";

    private readonly string? knob;
    private readonly double? value;

    /// <summary>Variants of the reward.</summary>
    public RewardOptions Rewarding { get; init; } = new();

    /// <summary>Changes to the regime's settings.</summary>
    public Func<DprOptions, DprOptions> Settings { get; init; } = o => o;

    /// <inheritdoc/>
    public override string Name => Variant.Length == 0 ? "DPR" : Variant;

    /// <inheritdoc/>
    public override string? Reference => Rewarding.Kind == RewardKind.LogPolicy ? null : From;

    /// <inheritdoc/>
    public override string? Knob => knob;

    /// <inheritdoc/>
    public override double? Value => value;

    /// <summary>The same with another weight β of the KL to π_SFT.</summary>
    public DprMethod AtBeta(double beta) => With("β", beta, o => o with { Beta = beta });

    /// <summary>The same with another discount γ.</summary>
    public DprMethod AtGamma(double gamma) => With(Discount, gamma, o => o with { Gamma = gamma });

    /// <inheritdoc/>
    public override int Steps(Regime regime) => Settings(regime.Dpr).Updates;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy) =>
        DensePathReinforce.Train(policy, world.Reward(From, Rewarding), world.Prompts, Settings(world.DprOptions));

    /// <summary>The name of an ensemble of references.</summary>
    public static string Ensemble(params IEnumerable<string> references) => string.Join('+', references);

    private DprMethod With(string name, double at, Func<DprOptions, DprOptions> change) => new(this, name, at, o => change(Settings(o)));

    private DprMethod(DprMethod original, string name, double at, Func<DprOptions, DprOptions> settings)
        : this(original) => (knob, value, Settings) = (name, at, settings);
}

/// <summary>Extrapolated decoding, without training: π ∝ π_SFT (π_SFT / π_ref)^α, token by token.</summary>
/// <param name="From">The reference.</param>
/// <param name="Alpha">How far to go.</param>
/// <param name="Varied">Whether α is the setting of a sweep, and so named.</param>
public sealed record ExtrapolationMethod(string From, double Alpha = 1, bool Varied = false) : Method(MethodRole.Extrapolation)
{
    /// <inheritdoc/>
    public override string Name => "extrapolated decoding";

    /// <inheritdoc/>
    public override string? Reference => From;

    /// <inheritdoc/>
    public override string? Knob => Varied ? "α" : null;

    /// <inheritdoc/>
    public override double? Value => Varied ? Alpha : null;

    /// <inheritdoc/>
    public override Policy PolicyOf(World world, Transformer trained) =>
        new Extrapolation(world.Expert, world.Reference(From), (float)Alpha);
}
