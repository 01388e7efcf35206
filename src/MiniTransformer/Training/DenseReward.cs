using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>Which reward is recovered from the expert.</summary>
public enum RewardKind
{
    /// <summary>r̂ = log π_SFT − log π_ref: the paper's baseline-relative reward.</summary>
    BaselineRelative,

    /// <summary>log π_SFT: the shaped reward alone, without a reference.</summary>
    LogPolicy,
}

/// <summary>Variants of the reward.</summary>
public sealed record RewardOptions
{
    /// <summary>Which reward.</summary>
    public RewardKind Kind { get; init; } = RewardKind.BaselineRelative;

    /// <summary>
    /// δ of log((π_SFT + δ) / (π_ref + δ)); 0 is the plain r̂. A floor keeps tokens that are improbable under both policies from
    /// carrying a large reward.
    /// </summary>
    public double Floor { get; init; }

    /// <summary>
    /// Subtracts the state's mean, Σ_a π_SFT(a|s) r̂(s,a) = KL(π_SFT(·|s) ‖ π_ref(·|s)). It changes the objective, and stops paying for
    /// length.
    /// </summary>
    public bool Centred { get; init; }

    internal void Validate()
    {
        if (!(Floor >= 0 && Floor <= 1)) throw new ArgumentException($"The reward's floor must be in [0, 1], not {Floor}.");
        if (Kind == RewardKind.LogPolicy && (Floor > 0 || Centred))
            throw new ArgumentException("Floor and centring compare with the reference; log π_SFT as reward has none.");
    }
}

/// <summary>All rewards of a batch of responses: one value per response token, in nats, in the order of <see cref="ResponseBatch.Targets"/>.</summary>
/// <param name="LogProb">log π_SFT(a_t|s_t).</param>
/// <param name="ReferenceLogProb">log π_ref(a_t|s_t).</param>
/// <param name="RQ">r_Q = Q(s_t,a_t) − V(s_{t+1}), with V = 0 after the last token.</param>
/// <param name="Value">V(s_t) = log Σ exp Q(s_t, ·), the potential.</param>
/// <param name="RHat">r̂, or its variant.</param>
public sealed record RecoveredRewards(float[] LogProb, float[] ReferenceLogProb, float[] RQ, float[] Value, float[] RHat);

/// <summary>
/// The dense reward that SFT has learned without saying so (arXiv 2510.02493). The logits are Q; the inverse soft Bellman operator
/// gives r_Q = Q − V(s′), potential shaping gives log π_SFT = r_Q + V(s′) − V(s), and relative to an earlier checkpoint
/// r̂ = log π_SFT − log π_ref.
/// </summary>
public sealed class DenseReward
{
    /// <summary>The reward of an expert relative to a reference.</summary>
    /// <param name="expert">π_SFT; it is not trained here.</param>
    /// <param name="reference">π_ref: the base model, or an earlier checkpoint of the same run.</param>
    /// <param name="options">Variants; the plain r̂ by default.</param>
    public DenseReward(Transformer expert, Transformer reference, RewardOptions? options = null)
    {
        Options = options ?? new RewardOptions();
        Options.Validate();
        TokenCredit.CheckVocabulary(expert, reference);
        (Expert, Reference) = (expert, reference);
    }

    /// <summary>π_SFT.</summary>
    public Transformer Expert { get; }

    /// <summary>π_ref.</summary>
    public Transformer Reference { get; }

    /// <summary>The variant.</summary>
    public RewardOptions Options { get; }

    /// <summary>Everything that can be recovered for a batch of responses.</summary>
    public RecoveredRewards Recover(ResponseBatch batch)
    {
        TokenScores scores = TokenCredit.Score(Expert, [Reference], batch);
        ReferenceScores reference = scores.References[0];
        float[]? stateMean = Options.Centred ? reference.Divergence : null;
        return new RecoveredRewards(scores.LogProb, reference.LogProb, scores.RQ, scores.Value, RHat(scores.LogProb, reference.LogProb, stateMean));
    }

    /// <summary>r̂ of a batch, from logits of the expert that are at hand: the form that training uses.</summary>
    internal float[] Score(Tape tape, Tensor expertLogits, ResponseBatch batch)
    {
        TokenIds targets = tape.Targets(batch);
        float[] logProb = expertLogits.GatherLogSoftmax(targets).ToArray();
        if (Options.Kind == RewardKind.LogPolicy) return logProb;
        Tensor referenceLogits = Reference.FrozenLogits(tape, batch);
        float[] referenceLogProb = referenceLogits.GatherLogSoftmax(targets).ToArray();
        float[]? stateMean = Options.Centred ? expertLogits.KlDivergence(referenceLogits).ToArray() : null;
        return RHat(logProb, referenceLogProb, stateMean);
    }

    // r̂ = log π_SFT − log π_ref;   with a floor: log((π_SFT + δ) / (π_ref + δ));   centred: minus KL(π_SFT ‖ π_ref) of the state
    private float[] RHat(float[] logProb, float[] referenceLogProb, float[]? stateMean)
    {
        var rHat = new float[logProb.Length];
        double floor = Options.Floor;
        for (int i = 0; i < rHat.Length; i++)
        {
            double r = Options.Kind == RewardKind.LogPolicy ? logProb[i]
                : floor > 0 ? Math.Log((Math.Exp(logProb[i]) + floor) / (Math.Exp(referenceLogProb[i]) + floor))
                : (double)logProb[i] - referenceLogProb[i];
            rHat[i] = (float)(r - (stateMean is null ? 0 : stateMean[i]));
        }

        return rHat;
    }
}
