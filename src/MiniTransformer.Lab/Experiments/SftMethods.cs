using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>The base, untrained on the demonstrations.</summary>
public sealed record BaseMethod() : Method(MethodRole.Base)
{
    /// <inheritdoc/>
    public override string Name => "base";

    /// <inheritdoc/>
    public override Transformer StartOf(World world) => world.Start;
}

/// <summary>π_SFT as it is.</summary>
public sealed record SftMethod() : Method(MethodRole.Sft)
{
    /// <inheritdoc/>
    public override string Name => "SFT";
}

/// <summary>π_SFT sampled at a lower temperature: what costs nothing.</summary>
public sealed record CoolSftMethod() : Method(MethodRole.CoolSft)
{
    /// <inheritdoc/>
    public override string Name => "SFT at T = 0.5";

    /// <inheritdoc/>
    public override float Temperature => .5f;
}

/// <summary>
/// More SFT on the same demonstrations, with as many sequences as DPR has updates × prompts (it draws a few less: the last batch of a pass
/// is short): the control that any further training has to beat.
/// </summary>
/// <param name="RateFactor">Times the learning rate of SFT.</param>
/// <param name="LastPart">Only the last part of demonstrations that are ordered: the better ones.</param>
/// <param name="Varied">Whether the learning rate is the setting of a sweep, and so named.</param>
public sealed record ContinuedSftMethod(double RateFactor = 1, bool LastPart = false, bool Varied = false)
    : Method(LastPart ? MethodRole.ContinuedOnLastPart : MethodRole.ContinuedSft)
{
    /// <inheritdoc/>
    public override string Name => LastPart ? "continued SFT, last part" : "continued SFT";

    /// <inheritdoc/>
    public override string? Knob => Varied ? "rate ×" : null;

    /// <inheritdoc/>
    public override double? Value => Varied ? RateFactor : null;

    /// <inheritdoc/>
    public override int Steps(Regime regime) => Math.Max(1, regime.Dpr.Updates * regime.Dpr.PromptsPerUpdate / regime.Sft.BatchSize);

    /// <inheritdoc/>
    public override double StepWork(Regime regime) => regime.Sft.BatchSize;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy)
    {
        IReadOnlyList<Example> demonstrations = world.Demonstrations;
        if (LastPart) demonstrations = [.. demonstrations.Skip(demonstrations.Count * (world.Regime.Parts - 1) / world.Regime.Parts)];
        return Sft.Train(policy, demonstrations, Options(world));
    }

    private SftOptions Options(World world)
    {
        SftOptions sft = world.SftOptions;
        return sft with
        {
            Seed = world.Seed + 1_000_003,
            Steps = Steps(world.Regime),
            LearningRate = sft.LearningRate * RateFactor,
        };
    }
}

/// <summary>SFT's place taken by another objective on the same demonstrations, from the same start.</summary>
/// <param name="Title">The name.</param>
/// <param name="Objective">What is maximised.</param>
public sealed record ObjectiveMethod(string Title, Objective Objective) : Method
{
    /// <inheritdoc/>
    public override string Name => Title;

    /// <inheritdoc/>
    public override Transformer StartOf(World world) => world.Start;

    /// <inheritdoc/>
    public override int Steps(Regime regime) => regime.Sft.StepsFor(regime.DemonstrationCount);

    /// <inheritdoc/>
    public override double StepWork(Regime regime) => regime.Sft.BatchSize;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy) =>
        Sft.Train(policy, world.Demonstrations, world.SftOptions with { Objective = Objective });
}
