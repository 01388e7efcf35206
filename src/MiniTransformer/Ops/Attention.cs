using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Causal softmax attention with grouped key/value heads (J. Ainslie et al., "GQA", EMNLP 2023).
public static partial class TensorOps
{
    /// <summary>
    /// y_t = Σ_{j≤t} p_tj v_j, p_t = softmax_j(s ⟨q_t, k_j⟩), s = 1/√D where nothing else is said, for each sequence and head; query heads
    /// h·Hkv/H share a key/value head. With a window of W tokens only t − W &lt; j ≤ t are seen.
    /// </summary>
    /// <remarks>
    /// Only the log-sum of each row is saved; the backward half computes the probabilities again:
    /// with δ_t = ⟨dy_t, y_t⟩,   dv_j += Σ_t p_tj dy_t,   ds_tj = s p_tj (⟨dy_t, v_j⟩ − δ_t),   dq_t += Σ_j ds_tj k_j,   dk_j += Σ_t ds_tj
    /// q_t.
    /// </remarks>
    /// <param name="q">Queries, (N, H, D).</param>
    /// <param name="k">Keys, (N, Hkv, D).</param>
    /// <param name="v">Values, (N, Hkv, D).</param>
    /// <param name="starts">Where the sequences begin in the N rows.</param>
    /// <param name="scale">The factor s of the scores; null for 1/√D.</param>
    /// <param name="window">How many tokens back a token looks, itself included; 0 for all.</param>
    /// <returns>(N, H, D).</returns>
    public static Tensor Attention(this Tensor q, Tensor k, Tensor v, SequenceStarts starts, float? scale = null, int window = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ShapeCheck.Rank("Attention", "q", q, 3, "(N, H, D)");
        ShapeCheck.Same("Attention", k, v);
        (int n, int h, int d) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        int hkv = k.Shape.Rank == 3 ? k.Shape[1] : 0;
        if (hkv == 0 || h % hkv != 0 || k.Shape != new Shape(n, hkv, d))
            throw new ArgumentException($"Attention: q {q.Shape} and k {k.Shape} do not fit: k must be ({n}, Hkv, {d}) with Hkv a divisor "
                + $"of {h}.");
        if (starts.Rows != n) throw new ArgumentException($"Attention: q {q.Shape} has {n} rows, but the sequences {starts.Rows}.");
        Tape tape = Tape.Of("Attention", q, k, v);
        if (tape != starts.Owner) throw new InvalidOperationException("Attention: the operands belong to two different steps.");
        float s = scale ?? (float)(1.0 / Math.Sqrt(d));
        Tensor y = tape.New(q.Shape, q, k, v);
        Storage logSum = tape.Scratch(n * h);
        tape.Backend.Attention(q.Storage, k.Storage, v.Storage, y.Storage, logSum, starts.Storage, h, hkv, d, s, window);
        tape.Record(new AttentionBackward(q, k, v, y, logSum, starts, hkv, s, window));
        return y;
    }

    private readonly struct AttentionBackward(
        Tensor q, Tensor k, Tensor v, Tensor y, Storage logSum, SequenceStarts starts, int hkv, float scale, int window) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Tape tape = Tape.Of("Attention", y);
            backend.AttentionBackward(
                q.Storage, k.Storage, v.Storage, y.Storage, logSum, y.GradStorage, GradOf(q, tape), GradOf(k, tape), GradOf(v, tape),
                starts.Storage, q.Shape[1], hkv,
                q.Shape[2], scale, window);
        }

        // The kernel computes all three gradients in one pass; one that nobody needs goes to memory that nobody reads.
        private static Storage GradOf(Tensor x, Tape tape) => x.NeedsGrad ? x.GradStorage : tape.Scratch(x.Shape.Count);
    }
}
