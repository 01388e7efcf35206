using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>One number that is asked of each row of a policy, see <see cref="PolicyRows.Measure"/>.</summary>
public readonly struct RowMeasure
{
    private enum Kind
    {
        LogProb,
        Q,
        Value,
        Entropy,
        Kl,
        FlooredRatio,
    }

    private readonly Kind kind;
    private readonly TokenIds ids;
    private readonly PolicyRows? other;
    private readonly float floor;

    private RowMeasure(Kind kind, TokenIds ids = default, PolicyRows? other = null, float floor = 0) =>
        (this.kind, this.ids, this.other, this.floor) = (kind, ids, other, floor);

    /// <summary>V(s) = log Σ_a exp Q(s, a).</summary>
    public static RowMeasure Value => new(Kind.Value);

    /// <summary>H(π(·|s)), in nats.</summary>
    public static RowMeasure Entropy => new(Kind.Entropy);

    /// <summary>log π(idᵢ|sᵢ).</summary>
    public static RowMeasure LogProb(TokenIds ids) => new(Kind.LogProb, ids);

    /// <summary>Q(sᵢ, idᵢ): the logit.</summary>
    public static RowMeasure Q(TokenIds ids) => new(Kind.Q, ids);

    /// <summary>KL(π(·|s) ‖ π_ref(·|s)) over the whole vocabulary, in nats; the reference is a constant.</summary>
    public static RowMeasure Kl(PolicyRows reference) => new(Kind.Kl, other: reference);

    /// <summary>Σ_a π(a|s) log((π(a|s) + δ) / (π_ref(a|s) + δ)), which for δ = 0 is the divergence; the reference is a constant.</summary>
    public static RowMeasure FlooredRatio(PolicyRows reference, float delta) =>
        delta == 0 ? Kl(reference) : new(Kind.FlooredRatio, other: reference, floor: delta);

    internal PolicyRows? Other => other;

    // The measure of the rows first ≤ i < first + logits.Rows, from their logits.
    internal Tensor Of(Tensor logits, int first)
    {
        int rows = logits.Shape.Rows;
        return kind switch
        {
            Kind.LogProb => logits.GatherLogSoftmax(ids.Slice(first, rows)),
            Kind.Q => logits.Gather(ids.Slice(first, rows)),
            Kind.Value => logits.LogSumExp(),
            Kind.Entropy => logits.Entropy(),
            Kind.Kl => logits.KlDivergence(other!.Part(first, rows)),
            _ => Floored(logits, other!.Part(first, rows)),
        };
    }

    private Tensor Floored(Tensor logits, Tensor reference)
    {
        Tensor p = logits.Softmax();
        return (p * ((p + floor).Log() - (reference.Softmax() + floor).Log())).SumColumns();
    }
}
