using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The softmax of one query's scores, the same for a whole sequence and for one token against the cache: everything is decided by the
/// number of visible keys, and the partial sums are those of keys with equal index modulo the vector width.
/// </summary>
internal static unsafe class AttentionRow
{
    /// <summary>
    /// Replaces the products s = ⟨q, kⱼ⟩ of the visible keys by e^((s − max) · scale), and those up to the next multiple of 16,
    /// whatever they are, by 0. Returns Σ and the log-sum scale · max + ln Σ.
    /// </summary>
    public static float Softmax(float* s, int visible, float scale, out float logSum)
    {
        int W = Vector<float>.Count, padded = Forbid(s, visible);
        Vector<float> m = Vector.Load(s);
        for (int j = W; j < padded; j += W) m = Vector.MaxNative(m, Vector.Load(s + j));
        float max = m[0];
        for (int lane = 1; lane < W; lane++) max = Math.Max(max, m[lane]);

        Vector<float> shift = Vector.Create(max), factor = Vector.Create(scale), sum = Vector<float>.Zero;
        for (int j = 0; j < padded; j += W)
        {
            Vector<float> p = VectorMath.Exp((Vector.Load(s + j) - shift) * factor);
            Vector.Store(p, s + j);
            sum += p;
        }

        float total = Vector.Sum(sum);
        logSum = scale * max + VectorMath.Log(total);
        return total;
    }

    /// <summary>
    /// Backward of one row: from the products s = ⟨q, kⱼ⟩ and dp = ⟨dy, vⱼ⟩ to p = e^(scale · s − logSum) in s and
    /// ds = scale · p (dp − δ) in dp, both 0 past the visible keys. δ = ⟨dy, y⟩.
    /// </summary>
    public static void Backward(float* s, float* dp, int visible, float scale, float logSum, float delta)
    {
        int W = Vector<float>.Count, padded = Forbid(s, visible);
        Vector<float> factor = Vector.Create(scale), shift = Vector.Create(-logSum), mean = Vector.Create(delta);
        for (int j = 0; j < padded; j += W)
        {
            Vector<float> p = VectorMath.Exp(Vector.FusedMultiplyAdd(Vector.Load(s + j), factor, shift));
            Vector.Store(p, s + j);
            Vector.Store(p * (Vector.Load(dp + j) - mean) * factor, dp + j);
        }
    }

    /// <summary>Forms yᵢ = xᵢ / sum over D elements; a zero comes out as +0.</summary>
    public static void Normalise(float* x, float sum, float* y, int D)
    {
        // Adding 0 turns −0 into +0: p = 0 of a hidden key may or may not have been added to the chain.
        int W = Vector<float>.Count, i = 0;
        float inverse = 1f / sum;
        Vector<float> factor = Vector.Create(inverse);
        for (; i <= D - W; i += W) Vector.Store(Vector.FusedMultiplyAdd(Vector.Load(x + i), factor, Vector<float>.Zero), y + i);
        for (; i < D; i++) y[i] = MathF.FusedMultiplyAdd(x[i], inverse, 0f);
    }

    // Puts −∞ over the rest of the last panel and returns where it ends.
    private static int Forbid(float* s, int visible)
    {
        int padded = KeyPanels.RoundUp(visible);
        for (int j = visible; j < padded; j++) s[j] = float.NegativeInfinity;
        return padded;
    }
}
