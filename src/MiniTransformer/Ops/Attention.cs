using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>Causal softmax attention with grouped key/value heads (J. Ainslie et al., "GQA", EMNLP 2023).</summary>
public static class AttentionOps
{
    /// <summary>
    /// y_t = Σ_{j≤t} p_tj v_j, p_t = softmax_j(s ⟨q_t, k_j⟩), s = 1/√D where nothing else is said, for each head; query heads h·Hkv/H share a key/value
    /// head. With a window of W tokens only t − W &lt; j ≤ t are seen.
    /// </summary>
    /// <remarks>
    /// Only the log-sum of each row is saved; the backward half computes the probabilities again:
    /// with δ_t = ⟨dy_t, y_t⟩,   dv_j += Σ_t p_tj dy_t,   ds_tj = s p_tj (⟨dy_t, v_j⟩ − δ_t),   dq_t += Σ_j ds_tj k_j,   dk_j += Σ_t ds_tj q_t.
    /// Padding on the right needs no mask: no earlier position looks at it.
    /// </remarks>
    /// <param name="q">Queries, (B, T, H, D).</param>
    /// <param name="k">Keys, (B, T, Hkv, D).</param>
    /// <param name="v">Values, (B, T, Hkv, D).</param>
    /// <param name="scale">The factor s of the scores; null for 1/√D.</param>
    /// <param name="window">How many tokens back a token looks, itself included; 0 for all.</param>
    /// <returns>(B, T, H, D).</returns>
    public static Tensor Attention(this Tensor q, Tensor k, Tensor v, float? scale = null, int window = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ShapeCheck.Rank("Attention", "q", q, 4, "(B, T, H, D)");
        ShapeCheck.Same("Attention", k, v);
        (int b, int t, int h, int d) = (q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3]);
        int hkv = k.Shape.Rank == 4 ? k.Shape[2] : 0;
        if (hkv == 0 || h % hkv != 0 || k.Shape != new Shape(b, t, hkv, d))
            throw new ArgumentException($"Attention: q {q.Shape} and k {k.Shape} do not fit: k must be ({b}, {t}, Hkv, {d}) with Hkv a divisor of {h}.");
        Tape tape = Tape.Of("Attention", q, k, v);
        float s = scale ?? (float)(1.0 / Math.Sqrt(d));
        Tensor y = tape.New(q.Shape, q, k, v);
        Storage logSum = tape.Scratch(b * h * t);
        tape.Backend.Attention(q.Storage, k.Storage, v.Storage, y.Storage, logSum, b, t, h, hkv, d, s, window);
        tape.Record(new AttentionBackward(q, k, v, y, logSum, hkv, s, window));
        return y;
    }

    private readonly struct AttentionBackward(Tensor q, Tensor k, Tensor v, Tensor y, Storage logSum, int hkv, float scale, int window) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Shape s = q.Shape;
            Tape tape = Tape.Of("Attention", y);
            backend.AttentionBackward(
                q.Storage, k.Storage, v.Storage, y.Storage, logSum, y.GradStorage, GradOf(q, tape), GradOf(k, tape), GradOf(v, tape), s[0], s[1], s[2], hkv, s[3], scale, window);
        }

        // The kernel computes all three gradients in one pass; one that nobody needs goes to memory that nobody reads.
        private static Storage GradOf(Tensor x, Tape tape) => x.NeedsGrad ? x.GradStorage : tape.Scratch(x.Shape.Count);
    }
}
