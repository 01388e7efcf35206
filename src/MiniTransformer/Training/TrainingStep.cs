namespace MiniTransformer.Training;

/// <summary>What one update of any trainer reports.</summary>
public abstract record TrainingStep
{
    /// <summary>The trainer, "sft" or "dpr": the name of the curve.</summary>
    public abstract string Phase { get; }

    /// <summary>Updates made, this one included; counts from 1.</summary>
    public required int Step { get; init; }

    /// <summary>Updates of the whole run.</summary>
    public required int Total { get; init; }

    /// <summary>
    /// The loss of this batch before the update, divided by its response tokens: in nats for SFT; for DPR a surrogate whose gradient
    /// matters and whose value does not.
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

    /// <summary>The largest fraction of <see cref="SftOptions.KeepAt"/> that this update reached, or null: the moment to take a checkpoint.</summary>
    public double? KeepAt { get; init; }
}

/// <summary>One update of <see cref="DensePathReinforce"/>.</summary>
public sealed record DprStep : TrainingStep
{
    /// <inheritdoc/>
    public override string Phase => "dpr";

    /// <summary>Mean over responses of Σ r̂, in nats.</summary>
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
