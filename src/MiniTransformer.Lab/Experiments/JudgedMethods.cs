using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>RLOO with the task's verifier as reward: the oracle, which knows what is right.</summary>
public sealed record OracleMethod() : Method(MethodRole.SeesJudge)
{
    // k, so that an update has as many responses as one of DPR.
    private const int SamplesPerPrompt = 4;

    /// <inheritdoc/>
    public override string Name => "RLOO, verifier as reward (oracle)";

    /// <inheritdoc/>
    public override int Steps(Regime regime) => regime.Dpr.Updates;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy)
    {
        DprOptions dpr = world.DprOptions;
        var options = new RlooOptions
        {
            Updates = dpr.Updates,
            PromptsPerUpdate = Math.Max(1, dpr.PromptsPerUpdate / SamplesPerPrompt),
            SamplesPerPrompt = SamplesPerPrompt,
            LearningRate = dpr.LearningRate,
            WarmupUpdates = dpr.WarmupUpdates,
            MaxTokens = dpr.MaxTokens,
            Beta = dpr.Beta,
            Seed = dpr.Seed,
            Ends = dpr.Ends,
        };
        return Rloo.Train(policy, new JudgedReward(world.Expert, world.Judge), world.Prompts, options);
    }
}

/// <summary>DPR with the recovered reward and the verifier's together, α r̂ + (1 − α) v.</summary>
/// <param name="From">The reference of r̂.</param>
/// <param name="Alpha">α.</param>
public sealed record MixedMethod(string From, double Alpha = .5) : Method(MethodRole.SeesJudge)
{
    /// <inheritdoc/>
    public override string Name => FormattableString.Invariant($"DPR, mixed with the verifier, α = {Alpha}");

    /// <inheritdoc/>
    public override string? Reference => From;

    /// <inheritdoc/>
    public override int Steps(Regime regime) => regime.Dpr.Updates;

    /// <inheritdoc/>
    public override IEnumerable<TrainingStep> Train(World world, Transformer policy) =>
        DensePathReinforce.Train(policy, new MixedReward(world.Reward(From), world.Judge, Alpha), world.Prompts, world.DprOptions);
}
