using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

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
    /// Subtracts the state's mean, Σ_a π_SFT(a|s) r̂(s,a); without a floor that is KL(π_SFT(·|s) ‖ π_ref(·|s)). It changes the objective,
    /// and stops paying for length.
    /// </summary>
    public bool Centred { get; init; }

    /// <summary>c: the reward, floored and centred where that is asked for, is cut off at −c and c nats; 0 does not clip.</summary>
    public double Clip { get; init; }

    internal void Validate()
    {
        if (!(Floor >= 0 && Floor <= 1)) throw new ArgumentException($"The reward's floor must be in [0, 1], not {Floor}.");
        if (!(Clip >= 0) || double.IsInfinity(Clip))
        {
            throw new ArgumentException($"The reward's clip must be a number of nats, or 0 for none, not {Clip}.");
        }
        if (Kind == RewardKind.LogPolicy && (Floor > 0 || Centred))
            throw new ArgumentException("Floor and centring compare with the reference; log π_SFT as reward has none.");
    }
}

/// <summary>
/// All rewards of a batch of responses: one value per response token, in nats, in the order of <see cref="ResponseBatch.Targets"/>.
/// </summary>
/// <param name="LogProb">log π_SFT(a_t|s_t).</param>
/// <param name="ReferenceLogProb">log π_ref(a_t|s_t); of several references the log of their mean.</param>
/// <param name="RQ">r_Q = Q(s_t,a_t) − V(s_{t+1}); after the last token of response b V is Ends.FinalValue[b].</param>
/// <param name="Value">V(s_t) = log Σ exp Q(s_t, ·), the potential.</param>
/// <param name="RHat">r̂, or its variant.</param>
/// <param name="Ends">How each response ends.</param>
public sealed record RecoveredRewards(float[] LogProb, float[] ReferenceLogProb, float[] RQ, float[] Value, float[] RHat,
    ResponseEnds Ends);

/// <summary>
/// The dense reward that SFT has learned without saying so (arXiv 2510.02493). The logits are Q; the inverse soft Bellman operator
/// gives r_Q = Q − V(s′), potential shaping gives log π_SFT = r_Q + V(s′) − V(s), and relative to an earlier checkpoint
/// r̂ = log π_SFT − log π_ref. Of several references π_ref is the mean, r̂ = log π_SFT − log (1/K) Σ_k π_k.
/// </summary>
public sealed class DenseReward : ITokenReward
{
    /// <summary>The reward of an expert relative to a reference.</summary>
    /// <param name="expert">π_SFT; it is not trained here.</param>
    /// <param name="reference">π_ref: the base model, or an earlier checkpoint of the same run.</param>
    /// <param name="options">Variants; the plain r̂ by default.</param>
    public DenseReward(Transformer expert, Transformer reference, RewardOptions? options = null)
        : this(expert, [reference], options)
    {
    }

    /// <summary>The reward of an expert relative to an ensemble of references.</summary>
    /// <param name="expert">π_SFT; it is not trained here.</param>
    /// <param name="references">π_1 … π_K, such as the base model and some checkpoints of the same run.</param>
    /// <param name="options">Variants; the plain r̂ by default.</param>
    public DenseReward(Transformer expert, IReadOnlyList<Transformer> references, RewardOptions? options = null)
    {
        Options = options ?? new RewardOptions();
        Options.Validate();
        if (references.Count == 0) throw new ArgumentException("DenseReward: there is no reference; r̂ compares π_SFT with at least one.");
        if (Options.Kind == RewardKind.LogPolicy && references.Count > 1)
            throw new ArgumentException($"DenseReward: {references.Count} references came; log π_SFT as reward does not look at them, so "
                + "give one.");
        foreach (Transformer reference in references) TokenCredit.CheckVocabulary(expert, reference);
        (Expert, References) = (expert, references);
    }

    /// <summary>π_SFT.</summary>
    public Transformer Expert { get; }

    /// <summary>π_ref, or the ensemble of them.</summary>
    public IReadOnlyList<Transformer> References { get; }

    /// <summary>The variant.</summary>
    public RewardOptions Options { get; }

    /// <inheritdoc/>
    public int MaxPositions => References.Append(Expert).Min(model => model.Config.MaxPositions);

    /// <summary>Everything that can be recovered for a batch of responses.</summary>
    /// <param name="batch">The responses.</param>
    /// <param name="ends">The tokens that end a response; null takes those of the expert's configuration.</param>
    /// <exception cref="LogitsException">The logits of the expert or of a reference are not finite.</exception>
    public RecoveredRewards Recover(ResponseBatch batch, EndTokens? ends = null)
    {
        var after = ResponseEnds.Of(Expert, batch, ends ?? Expert.Config.Ends);
        using Tape tape = Tape.NoGrad(Expert.Device);
        PolicyRows expert = Expert.Rows(tape, batch), reference = References.Mean(tape, batch);
        (float[] logProb, float[] rQ, float[] value) = TokenCredit.OfExpert(tape, expert, batch, after);
        float[] referenceLogProb = LogitsException.Check(reference.LogProb(tape.Targets(batch)).ToArray(), "π_ref");
        float[]? stateMean = Options.Centred ? StateMean(expert, reference) : null;
        return new RecoveredRewards(logProb, referenceLogProb, rQ, value, RHat(logProb, referenceLogProb, stateMean), after);
    }

    /// <inheritdoc/>
    public TokenRewards Score(Tape tape, PolicyRows expert, ResponseBatch batch)
    {
        TokenIds targets = tape.Targets(batch);
        float[] logProb = LogitsException.Check(expert.LogProb(targets).ToArray(), "π_SFT");
        if (Options.Kind == RewardKind.LogPolicy) return new TokenRewards(RHat(logProb, null, null));
        PolicyRows reference = References.Mean(tape, batch);
        float[] referenceLogProb = LogitsException.Check(reference.LogProb(targets).ToArray(), "π_ref");
        float[]? stateMean = Options.Centred ? StateMean(expert, reference) : null;
        return new TokenRewards(RHat(logProb, referenceLogProb, stateMean), reference);
    }

    // r̂ = log π_SFT − log π_ref;   with a floor: log((π_SFT + δ) / (π_ref + δ));   centred: minus its mean at the state;   then clipped
    private float[] RHat(float[] logProb, float[]? referenceLogProb, float[]? stateMean)
    {
        var rHat = new float[logProb.Length];
        for (int i = 0; i < rHat.Length; i++)
        {
            double r = Options.Kind == RewardKind.LogPolicy ? logProb[i] : LogRatio(logProb[i], referenceLogProb![i]);
            r -= stateMean is null ? 0 : stateMean[i];
            rHat[i] = (float)(Options.Clip > 0 ? Math.Clamp(r, -Options.Clip, Options.Clip) : r);
        }

        return rHat;
    }

    private double LogRatio(double logP, double logQ) =>
        Options.Floor > 0 ? Math.Log((Math.Exp(logP) + Options.Floor) / (Math.Exp(logQ) + Options.Floor)) : logP - logQ;

    // Σ_a π_SFT(a|s) r̂(s, a) at each state, (N). Without a floor that is the KL of the two.
    private float[] StateMean(PolicyRows expert, PolicyRows reference) =>
        expert.Measure(RowMeasure.FlooredRatio(reference, (float)Options.Floor))[0].ToArray();
}
