using MiniTransformer.Autograd;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>
/// Every fused op once more, from primitive ones: what it computes, to read, to check it with, and to change. A fused op has the same
/// value and gradient (the tests compare them on every device); it is faster, keeps less memory, and takes care of numbers that overflow.
/// </summary>
public static class Compositions
{
    /// <summary>
    /// Causal attention within one sequence, head by head: y = softmax(s · Q Kᵀ + mask) V, the mask −∞ where a token may not look.
    /// Fused: <see cref="TensorOps.Attention"/>, which never stores the (T, T) scores.
    /// </summary>
    /// <param name="q">Queries, (T, H, D).</param>
    /// <param name="k">Keys, (T, Hkv, D); H/Hkv query heads share a key/value head.</param>
    /// <param name="v">Values, (T, Hkv, D).</param>
    /// <param name="scale">The factor s of the scores; null for 1/√D.</param>
    /// <param name="window">How many tokens back a token looks, itself included; 0 for all.</param>
    /// <returns>(T, H, D).</returns>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, float? scale = null, int window = 0)
    {
        ShapeCheck.Rank("Attention", "q", q, 3, "(T, H, D)");
        ShapeCheck.Same("Attention", k, v);
        Tape tape = Tape.Of("Attention", q, k, v);
        (int t, int h, int d) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        float s = scale ?? (float)(1 / Math.Sqrt(d));

        Tensor queries = ByHead(tape, q, h), keys = ByHead(tape, k, h), values = ByHead(tape, v, h); // (H, T, D)
        Tensor scores = s * queries.BatchMatMul(keys, GemmForm.NT) + CausalMask(tape, h, t, window); // (H, T, T)
        return ByToken(tape, scores.Softmax().BatchMatMul(values));                                  // (T, H, D)
    }

    /// <summary>yᵢ = wᵢ xᵢ / ρ, ρ = √(mean(x²) + ε). Fused: <see cref="TensorOps.RmsNorm"/>.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="w">(C).</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static Tensor RmsNorm(Tensor x, Tensor w, float epsilon) =>
        x.MultiplyColumn(1 / (x.Square().MeanColumns() + epsilon).Sqrt()).MultiplyRow(w);

    /// <summary>
    /// yᵢ = wᵢ (xᵢ − μ) / √(var x + ε) + bᵢ, μ = mean(x), var x = mean((x − μ)²): the RMS norm of what is left when the mean is taken
    /// away.
    /// Fused: <see cref="TensorOps.Centre"/>, then <see cref="TensorOps.RmsNorm"/> and <see cref="TensorOps.AddRow"/>.
    /// </summary>
    public static Tensor LayerNorm(Tensor x, Tensor w, Tensor b, float epsilon) =>
        RmsNorm(x.AddColumn(-x.MeanColumns()), w, epsilon).AddRow(b);

    /// <summary>x · σ(x). Fused: <see cref="TensorOps.Silu"/>.</summary>
    public static Tensor Silu(Tensor x) => x * x.Sigmoid();

    /// <summary>½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), and ½ (1 + tanh u) = σ(2u). Fused: <see cref="TensorOps.Gelu"/>.</summary>
    public static Tensor Gelu(Tensor x) => x * ((float)Math.Sqrt(8 / Math.PI) * (x + 0.044715f * (x * x * x))).Sigmoid();

    /// <summary>SwiGLU's product, silu(gate) · up. Fused: <see cref="TensorOps.SiluMultiply"/>.</summary>
    public static Tensor SwiGlu(Tensor gate, Tensor up) => Silu(gate) * up;

    /// <summary>GeGLU's product, gelu(gate) · up. Fused: <see cref="TensorOps.GeluMultiply"/>.</summary>
    public static Tensor GeGlu(Tensor gate, Tensor up) => Gelu(gate) * up;

    /// <summary>
    /// log Σ_a exp logits_a, per row. Fused: <see cref="TensorOps.LogSumExp"/>, which subtracts the maximum first, so that no
    /// exponential overflows.
    /// </summary>
    public static Tensor LogSumExp(Tensor logits) => logits.Exp().SumColumns().Log();

    /// <summary>log π(a|s) = logits_a − log Σ exp logits, for every token of every row.</summary>
    public static Tensor LogSoftmax(Tensor logits) => logits.AddColumn(-LogSumExp(logits));

    /// <summary>log π(idᵢ|sᵢ). Fused: <see cref="TensorOps.GatherLogSoftmax"/>, which stores no other token's.</summary>
    public static Tensor GatherLogSoftmax(Tensor logits, TokenIds ids) => LogSoftmax(logits).Gather(ids);

    /// <summary>
    /// −mean log π(idᵢ|sᵢ), the loss of SFT where every row counts. Fused: minus the mean of <see cref="TensorOps.GatherLogSoftmax"/>.
    /// </summary>
    public static Tensor CrossEntropy(Tensor logits, TokenIds ids) => -GatherLogSoftmax(logits, ids).Mean();

    /// <summary>Σ_a p_a (log p_a − log q_a), per row; finite logits. Fused: <see cref="TensorOps.KlDivergence"/>.</summary>
    public static Tensor KlDivergence(Tensor logits, Tensor reference) =>
        (logits.Softmax() * (LogSoftmax(logits) - LogSoftmax(reference))).SumColumns();

    /// <summary>−Σ_a p_a log p_a, per row; finite logits. Fused: <see cref="TensorOps.Entropy"/>.</summary>
    public static Tensor Entropy(Tensor logits) => -(logits.Softmax() * LogSoftmax(logits)).SumColumns();

    /// <summary>
    /// Each head's halves (x₁, x₂) turned by the angles of its token's position: (x₁, x₂) ⊙ cos + (−x₂, x₁) ⊙ sin. Fused:
    /// <see cref="TensorOps.Rope"/>.
    /// </summary>
    /// <param name="x">(.., H, D).</param>
    /// <param name="positions">One position for each of x's tokens.</param>
    /// <param name="cos">Cosines of the angles, (positions, D/2).</param>
    /// <param name="sin">Sines of the angles.</param>
    public static Tensor Rope(Tensor x, TokenIds positions, Tensor cos, Tensor sin)
    {
        Tape tape = Tape.Of("Rope", x);
        int d = x.Shape.Last, h = x.Shape[x.Shape.Rank - 2], halves = 2 * x.Shape.Rows;
        var shape = new Shape(halves);
        int[] at = positions.ToArray();
        TokenIds position = tape.Ids([.. Enumerable.Range(0, halves).Select(i => at[i / (2 * h)])], shape);
        TokenIds other = tape.Ids([.. Enumerable.Range(0, halves).Select(i => i ^ 1)], shape);
        Tensor sign = tape.Constant([.. Enumerable.Range(0, halves).Select(i => i % 2 == 0 ? -1f : 1f)], shape);

        Tensor half = x.Reshape(new Shape(halves, d / 2)), turned = half.SelectRows(other).MultiplyColumn(sign); // (−x₂, x₁)
        return (half * cos.SelectRows(position) + turned * sin.SelectRows(position)).Reshape(x.Shape);
    }

    // (T, Hx, D) → (H, T, D): row (h, t) of the result is row (t, h Hx / H), so that neighbouring query heads share a key/value head.
    private static Tensor ByHead(Tape tape, Tensor x, int h)
    {
        (int t, int hx, int d) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int[] rows = [.. Enumerable.Range(0, h * t).Select(i => i % t * hx + i / t * hx / h)];
        return x.SelectRows(tape.Ids(rows, new Shape(h * t))).Reshape(new Shape(h, t, d));
    }

    // (H, T, D) → (T, H, D)
    private static Tensor ByToken(Tape tape, Tensor x)
    {
        (int h, int t, int d) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int[] rows = [.. Enumerable.Range(0, t * h).Select(i => i % h * t + i / h)];
        return x.SelectRows(tape.Ids(rows, new Shape(t * h))).Reshape(new Shape(t, h, d));
    }

    // Token t sees j where t − window < j ≤ t: 0 there, −∞ elsewhere; the same for every head.
    private static Tensor CausalMask(Tape tape, int h, int t, int window)
    {
        var mask = new float[h * t * t];
        for (int i = 0; i < mask.Length; i++)
        {
            int from = i / t % t, to = i % t;
            bool seen = to <= from && (window == 0 || to > from - window);
            mask[i] = seen ? 0 : float.NegativeInfinity;
        }

        return tape.Constant(mask, new Shape(h, t, t));
    }
}
