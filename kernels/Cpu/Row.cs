using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Reductions of one row of n elements in an order that depends on n alone: four vectors of partial sums, then the rest of the row
/// vector by vector into the first of them, its end padded with the neutral element.
/// </summary>
internal static unsafe class Row
{
    /// <summary>Σ aᵢ bᵢ.</summary>
    public static float Dot(float* a, float* b, int n)
    {
        int W = Vector<float>.Count, i = 0;
        Vector<float> s0 = Vector<float>.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (; i <= n - 4 * W; i += 4 * W)
        {
            s0 = Vector.FusedMultiplyAdd(Vector.Load(a + i), Vector.Load(b + i), s0);
            s1 = Vector.FusedMultiplyAdd(Vector.Load(a + i + W), Vector.Load(b + i + W), s1);
            s2 = Vector.FusedMultiplyAdd(Vector.Load(a + i + 2 * W), Vector.Load(b + i + 2 * W), s2);
            s3 = Vector.FusedMultiplyAdd(Vector.Load(a + i + 3 * W), Vector.Load(b + i + 3 * W), s3);
        }

        for (; i <= n - W; i += W) s0 = Vector.FusedMultiplyAdd(Vector.Load(a + i), Vector.Load(b + i), s0);
        if (i < n) s0 = Vector.FusedMultiplyAdd(PartialVector.Load(a + i, n - i), PartialVector.Load(b + i, n - i), s0);
        return Vector.Sum((s0 + s1) + (s2 + s3));
    }

    /// <summary>Σ xᵢ.</summary>
    public static float Sum(float* x, int n)
    {
        int W = Vector<float>.Count, i = 0;
        Vector<float> s0 = Vector<float>.Zero, s1 = s0;
        for (; i <= n - 2 * W; i += 2 * W)
        {
            s0 += Vector.Load(x + i);
            s1 += Vector.Load(x + i + W);
        }

        for (; i <= n - W; i += W) s0 += Vector.Load(x + i);
        if (i < n) s0 += PartialVector.Load(x + i, n - i);
        return Vector.Sum(s0 + s1);
    }

    /// <summary>Σ aᵢ bᵢ cᵢ.</summary>
    public static float Dot(float* a, float* b, float* c, int n)
    {
        int W = Vector<float>.Count, i = 0;
        Vector<float> s0 = Vector<float>.Zero, s1 = s0;
        for (; i <= n - 2 * W; i += 2 * W)
        {
            s0 = Vector.FusedMultiplyAdd(Vector.Load(a + i), Vector.Load(b + i) * Vector.Load(c + i), s0);
            s1 = Vector.FusedMultiplyAdd(Vector.Load(a + i + W), Vector.Load(b + i + W) * Vector.Load(c + i + W), s1);
        }

        for (; i <= n - W; i += W) s0 = Vector.FusedMultiplyAdd(Vector.Load(a + i), Vector.Load(b + i) * Vector.Load(c + i), s0);
        if (i < n)
        {
            Vector<float> bc = PartialVector.Load(b + i, n - i) * PartialVector.Load(c + i, n - i);
            s0 = Vector.FusedMultiplyAdd(PartialVector.Load(a + i, n - i), bc, s0);
        }

        return Vector.Sum(s0 + s1);
    }

    /// <summary>max xᵢ; n ≥ 1.</summary>
    public static float Max(float* x, int n)
    {
        int W = Vector<float>.Count, i = 0;
        Vector<float> m0 = Vector.Create(float.NegativeInfinity), m1 = m0, m2 = m0, m3 = m0;
        for (; i <= n - 4 * W; i += 4 * W)
        {
            m0 = Vector.MaxNative(m0, Vector.Load(x + i));
            m1 = Vector.MaxNative(m1, Vector.Load(x + i + W));
            m2 = Vector.MaxNative(m2, Vector.Load(x + i + 2 * W));
            m3 = Vector.MaxNative(m3, Vector.Load(x + i + 3 * W));
        }

        for (; i <= n - W; i += W) m0 = Vector.MaxNative(m0, Vector.Load(x + i));
        if (i < n) m0 = Vector.MaxNative(m0, PartialVector.Load(x + i, n - i, Vector.Create(float.NegativeInfinity)));
        return MaxLane(Vector.MaxNative(Vector.MaxNative(m0, m1), Vector.MaxNative(m2, m3)));
    }

    /// <summary>The largest lane, by halving.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Vector<float> v)
    {
        Vector128<float> m;
        if (Vector<float>.Count == 4) m = v.AsVector128();
        else if (Vector<float>.Count == 8) m = Vector128.MaxNative(v.AsVector256().GetLower(), v.AsVector256().GetUpper());
        else
        {
            Vector256<float> half = Vector256.MaxNative(v.AsVector512().GetLower(), v.AsVector512().GetUpper());
            m = Vector128.MaxNative(half.GetLower(), half.GetUpper());
        }

        m = Vector128.MaxNative(m, Vector128.Shuffle(m, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(m, Vector128.Shuffle(m, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>
    /// ln Σ e^xᵢ, the maximum subtracted first. A −∞ element contributes 0; a row of −∞ alone gives −∞.
    /// </summary>
    public static float LogSumExp(float* x, int n)
    {
        float shift = Finite(Max(x, n));
        int W = Vector<float>.Count, i = 0;
        Vector<float> m = Vector.Create(shift);
        Vector<float> s0 = Vector<float>.Zero, s1 = s0;
        for (; i <= n - 2 * W; i += 2 * W)
        {
            s0 += VectorMath.Exp(Vector.Load(x + i) - m);
            s1 += VectorMath.Exp(Vector.Load(x + i + W) - m);
        }

        for (; i <= n - W; i += W) s0 += VectorMath.Exp(Vector.Load(x + i) - m);
        if (i < n) s0 += ExpTail(x + i, n - i, shift);
        return shift + VectorMath.Log(Vector.Sum(s0 + s1));
    }

    // Apart, so that no constant of the loop lives across a call: the compiler would keep it on the stack and load it every time.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector<float> ExpTail(float* x, int count, float shift) =>
        VectorMath.Exp(PartialVector.Load(x, count, Vector.Create(float.NegativeInfinity)) - Vector.Create(shift));

    /// <summary>x, or 0 where x = −∞: the shift of a row without any allowed element, in which e^(−∞ − 0) = 0 and not NaN.</summary>
    public static float Finite(float x) => float.IsNegativeInfinity(x) ? 0f : x;
}
