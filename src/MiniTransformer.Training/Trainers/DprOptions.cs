namespace MiniTransformer.Training;

/// <summary>How the policy is held near π_SFT.</summary>
public enum KlForm
{
    /// <summary>
    /// As a loss: the exact KL(π_θ(·|s) ‖ π_SFT(·|s)) over the whole vocabulary at each visited state. Its gradient holds each state's
    /// policy near π_SFT; it leaves out that earlier tokens choose the states that are visited.
    /// </summary>
    Exact,

    /// <summary>
    /// As a loss: the estimator k3 = ρ − 1 − log ρ, ρ = π_SFT/π_θ of the drawn token. Its value estimates the same divergence, but
    /// the gradient of a drawn k3 is on average that of the reverse one: E[∇k3] = −Σ_a π_SFT ∇ log π_θ = ∇KL(π_SFT(·|s) ‖ π_θ(·|s)).
    /// </summary>
    K3,

    /// <summary>
    /// In the reward: r̂ − β (log π_θ − log π_SFT), the estimator k1. On average this is the whole gradient of −β KL over sequences.
    /// </summary>
    K1InReward,
}

/// <summary>What is subtracted from the return.</summary>
public enum Baseline
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The batch's mean return at the same position.</summary>
    PositionMean,
}

/// <summary>The settings of <see cref="DensePathReinforce"/>; the defaults are those measured to work.</summary>
public sealed record DprOptions : TuningOptions
{
    /// <summary>Prompts, one response each, of an update.</summary>
    public int PromptsPerUpdate { get; init; } = 192;

    /// <summary>Temperature of the sampling. The gradient is that of the policy at temperature 1, so 1 is on-policy.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>Discount γ of the return-to-go.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>Every token gets the whole response's reward instead of its return-to-go.</summary>
    public bool SentenceLevel { get; init; }

    /// <summary>The baseline.</summary>
    public Baseline Baseline { get; init; } = Baseline.PositionMean;

    /// <summary>Divides advantages by their root mean square.</summary>
    public bool Whiten { get; init; } = true;

    /// <summary>Weight β of the KL to π_SFT.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>
    /// Weight β_ref of a second KL, the exact one to π_ref at each visited state: it also pulls back towards where SFT came from. It needs
    /// a reward with a reference; of several references it is the KL to their mean.
    /// </summary>
    public double ReferenceBeta { get; init; }

    /// <summary>Form of the KL.</summary>
    public KlForm KlForm { get; init; } = KlForm.Exact;

    /// <summary>Weight of an entropy bonus.</summary>
    public double EntropyBonus { get; init; }

    /// <summary>Stop when a response's mean KL to π_SFT exceeds this, in nats.</summary>
    public double CollapseKl { get; init; } = 30;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(PromptsPerUpdate, 1);
        if (!(Temperature > 0)) throw new ArgumentException($"DPR samples at a positive temperature, not {Temperature}.");
        if (!(Gamma >= 0 && Gamma <= 1)) throw new ArgumentException($"γ must be in [0, 1], not {Gamma}.");
        if (!(EntropyBonus >= 0)) throw new ArgumentException($"The entropy bonus must be 0 or more, not {EntropyBonus}.");
        if (!(CollapseKl > 0)) throw new ArgumentException($"The KL that counts as a collapse must be positive, not {CollapseKl}.");
        if (!(Beta >= 0)) throw new ArgumentException($"β must be 0 or more, not {Beta}.");
        if (!(ReferenceBeta >= 0)) throw new ArgumentException($"β_ref must be 0 or more, not {ReferenceBeta}.");
    }
}
