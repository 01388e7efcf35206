using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>What supervised training maximises over demonstrations.</summary>
public enum ObjectiveKind
{
    /// <summary>Σ log π(a_t|s_t): supervised fine-tuning.</summary>
    Sft,

    /// <summary>
    /// Σ γ^t (Q_t − γ V_{t+1}) − V_0: inverse soft-Q learning with a linear regulariser. With γ = 1 it equals SFT, in value and gradient.
    /// </summary>
    InverseQ,

    /// <summary>Σ γ^t φ(Q_t − γ V_{t+1}) − V_0, φ(x) = x − x²/(4α): IQ-Learn (D. Garg et al., NeurIPS 2021) on tokens.</summary>
    InverseQChi2,

    /// <summary>
    /// Σ sg(π(a_t|s_t)) log π(a_t|s_t): dynamic fine-tuning (Y. Wu et al., "On the Generalization of SFT", arXiv 2508.05629). Each token
    /// counts by its own probability, a constant in the gradient; what the policy finds improbable is hardly learned.
    /// </summary>
    Dft,
}

/// <summary>The objectives as losses on a policy's rows; its logits are Q.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Gamma">Discount γ of the inverse-Q objectives.</param>
/// <param name="Alpha">α of the χ² regulariser; larger is closer to linear.</param>
public sealed record Objective(ObjectiveKind Kind = ObjectiveKind.Sft, double Gamma = 1, double Alpha = 10)
{
    /// <summary>
    /// Minus the objective of a batch, times <paramref name="scale"/>: one over the number of response tokens that the loss is divided by.
    /// </summary>
    /// <param name="tape">The step.</param>
    /// <param name="policy">π_θ at each state that predicts a response token.</param>
    /// <param name="batch">The responses.</param>
    /// <param name="scale">One over the response tokens of the whole update, over all its micro-batches.</param>
    public Tensor Loss(Tape tape, PolicyRows policy, ResponseBatch batch, float scale) =>
        Kind switch
        {
            ObjectiveKind.Sft => CrossEntropy(tape, policy, batch, scale),
            ObjectiveKind.Dft => Dynamic(tape, policy, batch, scale),
            _ => InverseQ(tape, policy, batch, scale),
        };

    /// <summary>Throws if a setting is out of range.</summary>
    public void Validate()
    {
        if (!(Gamma > 0 && Gamma <= 1)) throw new ArgumentException($"γ must be in (0, 1], not {Gamma}.");
        if (!(Alpha > 0)) throw new ArgumentException($"α of the χ² regulariser must be positive, not {Alpha}.");
    }

    // L = −Σ_t log π(a_t|s_t)
    private static Tensor CrossEntropy(Tape tape, PolicyRows policy, ResponseBatch batch, float scale) =>
        policy.LogProb(tape.Targets(batch)).Sum().Scale(-scale);

    // L = −Σ_t sg(π_t) log π_t,   π_t = π(a_t|s_t)
    private static Tensor Dynamic(Tape tape, PolicyRows policy, ResponseBatch batch, float scale)
    {
        Tensor logProb = policy.LogProb(tape.Targets(batch));
        float[] probability = Array.ConvertAll(logProb.ToArray(), MathF.Exp);
        return logProb.WeightedSum(tape.Constant(probability, logProb.Shape), -scale);
    }

    // L = −( Σ_t γ^t φ(r_t) − V(s_0) ),   r_t = Q(s_t,a_t) − γ V(s_{t+1}),   V(s) = log Σ_a exp Q(s,a),   V(terminal) = 0
    private Tensor InverseQ(Tape tape, PolicyRows policy, ResponseBatch batch, float scale)
    {
        int n = batch.N;
        int[] next = new int[n];
        float[] nextWeight = new float[n], discount = new float[n], isFirst = new float[n];
        for (int y = 0; y + 1 < batch.Starts.Length; y++)  // responses: of a conversation each turn is one
        {
            (int start, int end) = (batch.Starts[y], batch.Starts[y + 1]);
            for (int i = start; i < end; i++)
            {
                bool last = i + 1 == end; // the state after it is terminal
                (next[i], nextWeight[i]) = last ? (i, 0f) : (i + 1, (float)Gamma);
                discount[i] = (float)Math.Pow(Gamma, i - start);
            }

            if (start < end) isFirst[start] = 1;
        }

        var rows = new Shape(n);
        Tensor[] measured = policy.Measure(RowMeasure.Q(tape.Targets(batch)), RowMeasure.Value);
        (Tensor q, Tensor v) = (measured[0], measured[1]); // Q(s_t, a_t) and V(s_t)
        Tensor vNext = v.Reshape(new Shape(n, 1)).SelectRows(tape.Ids(next, rows)).Reshape(rows) * tape.Constant(nextWeight, rows);
        Tensor r = q - vNext; // (N)
        if (Kind == ObjectiveKind.InverseQChi2) r -= r.Square().Scale((float)(1 / (4 * Alpha)));
        return v.WeightedSum(tape.Constant(isFirst, rows), scale) - r.WeightedSum(tape.Constant(discount, rows), scale);
    }
}
