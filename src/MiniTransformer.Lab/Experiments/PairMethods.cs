using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>SPIN: demonstrations against the answers of an opponent, π_SFT itself or the reference.</summary>
/// <param name="Opponent">The opponent by its reference's name; null for π_SFT.</param>
/// <param name="RateFactor">Times the learning rate of DPR; the default is what worked best on validation prompts of a sweep seed.</param>
/// <param name="Varied">Whether the learning rate is the setting of a sweep, and so named.</param>
public sealed record SpinMethod(string? Opponent = null, double RateFactor = SpinMethod.DefaultRateFactor, bool Varied = false) : Method
{
    /// <summary>The default of the rate's factor.</summary>
    public const double DefaultRateFactor = .3;

    /// <inheritdoc/>
    public override string Name => Opponent is null ? "SPIN, rejected from SFT" : "SPIN, rejected from the reference";

    /// <inheritdoc/>
    public override string? Reference => Opponent;

    /// <inheritdoc/>
    public override string? Knob => Varied ? "rate ×" : null;

    /// <inheritdoc/>
    public override double? Value => Varied ? RateFactor : null;

    /// <inheritdoc/>
    public override int Steps(Regime regime) => regime.Dpr.Updates;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy)
    {
        DprOptions dpr = world.DprOptions;
        var options = new SpinOptions
        {
            Updates = dpr.Updates,
            PairsPerUpdate = Math.Max(1, dpr.PromptsPerUpdate / 2), // a pair is two sequences
            LearningRate = dpr.LearningRate * RateFactor,
            WarmupUpdates = dpr.WarmupUpdates,
            MaxTokens = dpr.MaxTokens,
            Seed = dpr.Seed,
            Ends = dpr.Ends,
        };
        return Spin.Train(policy, world.Expert, Opponent is null ? world.Expert : world.Reference(Opponent), world.Demonstrations, options);
    }
}

/// <summary>GSIL: demonstrations against π_SFT's own answers, each judged by its density ratio.</summary>
/// <param name="RateFactor">Times the learning rate of DPR.</param>
/// <param name="Varied">Whether the learning rate is the setting of a sweep, and so named.</param>
public sealed record GsilMethod(double RateFactor = SpinMethod.DefaultRateFactor, bool Varied = false) : Method
{
    /// <inheritdoc/>
    public override string Name => "GSIL";

    /// <inheritdoc/>
    public override string? Knob => Varied ? "rate ×" : null;

    /// <inheritdoc/>
    public override double? Value => Varied ? RateFactor : null;

    /// <inheritdoc/>
    public override int Steps(Regime regime) => regime.Dpr.Updates;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy)
    {
        DprOptions dpr = world.DprOptions;
        var options = new GsilOptions
        {
            Updates = dpr.Updates,
            PairsPerUpdate = Math.Max(1, dpr.PromptsPerUpdate / 2),
            LearningRate = dpr.LearningRate * RateFactor,
            WarmupUpdates = dpr.WarmupUpdates,
            MaxTokens = dpr.MaxTokens,
            Seed = dpr.Seed,
            Ends = dpr.Ends,
        };
        return Gsil.Train(policy, world.Expert, world.Expert, world.Demonstrations, options);
    }
}
