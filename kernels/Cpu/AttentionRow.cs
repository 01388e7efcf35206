using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The softmax of one query's scores, the same for a whole sequence and for one token against the cache: everything is decided by the
/// number of visible keys, and the partial sums are those of keys with equal index modulo the vector width. A window hides the keys before
/// its first: their p is 0, and as 0 adds nothing, a row may begin at any multiple of 16 up to it, and has the same bits.
/// </summary>
internal static unsafe class AttentionRow
{
    /// <summary>
    /// Replaces the products s = ⟨q, kⱼ⟩ of the visible keys by e^((s − max) · scale), and those up to the next multiple of 16,
    /// whatever they are, by 0. Returns their sum; the log-sum is scale · max + ln of it. The row begins at key `from`, a multiple of 16,
    /// and of its keys those before `first` are hidden by a window.
    /// </summary>
    public static float Softmax(float* s, int from, int first, int visible, float scale, out float max)
    {
        int W = Vector<float>.Count, padded = KeyPanels.RoundUp(visible), full = visible / W * W;
        Vector<float> forbidden = Vector.Create(float.NegativeInfinity), m = forbidden;
        Hide(s, from, first);
        for (int j = from; j < full; j += W) m = Vector.MaxNative(m, Vector.Load(s + j));
        for (int j = Math.Max(from, full); j < padded; j += W)
        {
            Vector<float> seen = Vector.ConditionalSelect(Seen(j, visible), Vector.Load(s + j), forbidden);
            Vector.Store(seen, s + j);
            m = Vector.MaxNative(m, seen);
        }

        max = Row.MaxLane(m);
        Vector<float> shift = Vector.Create(max), factor = Vector.Create(scale), sum = Vector<float>.Zero;
        for (int j = from; j < padded; j += W)
        {
            Vector<float> p = VectorMath.Exp((Vector.Load(s + j) - shift) * factor);
            Vector.Store(p, s + j);
            sum += p;
        }

        return Vector.Sum(sum);
    }

    /// <summary>
    /// Backward of one row: from the products s = ⟨q, kⱼ⟩ and dp = ⟨dy, vⱼ⟩ to p = e^(scale · s − logSum) in s and
    /// ds = scale · p (dp − δ) in dp, both 0 past the visible keys and before the first. δ = ⟨dy, y⟩.
    /// </summary>
    public static void Backward(float* s, float* dp, int from, int first, int visible, float scale, float logSum, float delta)
    {
        int W = Vector<float>.Count, padded = KeyPanels.RoundUp(visible), full = visible / W * W;
        Vector<float> factor = Vector.Create(scale), shift = Vector.Create(-logSum), mean = Vector.Create(delta);
        Hide(s, from, first);
        for (int j = full; j < padded; j += W)
        {
            Vector.Store(Vector.ConditionalSelect(Seen(j, visible), Vector.Load(s + j), Vector.Create(float.NegativeInfinity)), s + j);
        }

        for (int j = from; j < padded; j += W)
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

    /// <summary>The first key that token t sees, with a window or none (0).</summary>
    public static int First(int t, int window) => window == 0 ? 0 : Math.Max(0, t - window + 1);

    // −∞ in place of the scores from ≤ j < first.
    private static void Hide(float* s, int from, int first)
    {
        int W = Vector<float>.Count;
        for (int j = from; j < first; j += W)
            Vector.Store(Vector.ConditionalSelect(Seen(j, first), Vector.Create(float.NegativeInfinity), Vector.Load(s + j)), s + j);
    }

    private static Vector<int> Seen(int j, int visible) => Vector.LessThan(Vector<int>.Indices + Vector.Create(j), Vector.Create(visible));
}
