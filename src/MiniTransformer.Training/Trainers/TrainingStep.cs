namespace MiniTransformer.Training;

/// <summary>What one update of any trainer reports.</summary>
public abstract record TrainingStep
{
    /// <summary>The trainer, such as "sft" or "dpr": the name of the curve.</summary>
    public abstract string Phase { get; }

    /// <summary>Updates made, this one included; counts from 1.</summary>
    public required int Step { get; init; }

    /// <summary>Updates of the whole run.</summary>
    public required int Total { get; init; }

    /// <summary>
    /// The loss of this batch before the update: for SFT in nats per response token; for pairs their mean; for the trainers that draw
    /// responses a surrogate, divided by response tokens, whose gradient matters and whose value does not.
    /// </summary>
    public required double Loss { get; init; }

    /// <summary>The global norm of the gradient before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The learning rate of this update.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Response tokens of the batch.</summary>
    public required int Tokens { get; init; }

    /// <summary>Wall-clock seconds of this update.</summary>
    public required double Seconds { get; init; }

    /// <summary>Response tokens a second.</summary>
    public double TokensPerSecond => Seconds > 0 ? Tokens / Seconds : 0;
}

/// <summary>One update of <see cref="Sft"/>.</summary>
public sealed record SftStep : TrainingStep
{
    /// <inheritdoc/>
    public override string Phase => "sft";

    /// <summary>The part of the training samples seen so far, in (0, 1].</summary>
    public required double Fraction { get; init; }

    /// <summary>
    /// The largest fraction of <see cref="SftOptions.KeepAt"/> that this update reached, or null: the moment to take a checkpoint.
    /// </summary>
    public double? KeepAt { get; init; }
}

/// <summary>One update of a trainer that learns from the policy's own responses.</summary>
public abstract record ReinforceStep : TrainingStep
{
    /// <summary>Mean over responses of the sum of their tokens' rewards: Σ r̂ in nats, or a verifier's score.</summary>
    public required double Reward { get; init; }

    /// <summary>Mean over responses of the sum over visited states of KL(π_θ(·|s) ‖ π_SFT(·|s)), in nats.</summary>
    public required double Kl { get; init; }

    /// <summary>Mean entropy of the policy at visited states, in nats per token.</summary>
    public required double Entropy { get; init; }

    /// <summary>Mean response length in tokens, the end token included.</summary>
    public required double Length { get; init; }

    /// <summary>Fraction of responses that ended with the end token.</summary>
    public required double Ended { get; init; }
}

/// <summary>One update of <see cref="DensePathReinforce"/>.</summary>
public sealed record DprStep : ReinforceStep
{
    /// <inheritdoc/>
    public override string Phase => "dpr";

    /// <summary>
    /// The root mean square of the advantages, in nats, that whitening divided by; null without whitening. Below
    /// <see cref="Returns.SmallestRms"/> the reward is hardly more than rounding, see <see cref="Returns.DivideByRms"/>.
    /// </summary>
    public double? AdvantageRms { get; init; }
}

/// <summary>One update of <see cref="Training.Rloo"/>.</summary>
public sealed record RlooStep : ReinforceStep
{
    /// <inheritdoc/>
    public override string Phase => "rloo";
}

/// <summary>One update of a trainer that tells demonstrations from another policy's answers to the same prompts.</summary>
public abstract record PairStep : TrainingStep
{
    /// <summary>Mean over demonstrations of log π_θ(y|x) − log π_t(y|x), in nats.</summary>
    public required double DemonstrationLogRatio { get; init; }

    /// <summary>The same mean over the other policy's answers.</summary>
    public required double AnswerLogRatio { get; init; }

    /// <summary>Fraction of pairs whose demonstration has the larger log-ratio; a tie, as before the first update, counts half.</summary>
    public required double Ranked { get; init; }
}

/// <summary>One update of <see cref="Training.Spin"/>.</summary>
public sealed record SpinStep : PairStep
{
    /// <inheritdoc/>
    public override string Phase => "spin";
}

/// <summary>One update of <see cref="Training.Gsil"/>.</summary>
public sealed record GsilStep : PairStep
{
    /// <inheritdoc/>
    public override string Phase => "gsil";
}
