using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>Eight floats in named fields, with the functions of a softmax: what a compiler for a CPU turns into one vector.</summary>
internal struct Lanes
{
    public float X0, X1, X2, X3, X4, X5, X6, X7;

    /// <summary>Eight neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Load(ArrayView<float> from, long at) => new()
    {
        X0 = from[at], X1 = from[at + 1], X2 = from[at + 2], X3 = from[at + 3], X4 = from[at + 4], X5 = from[at + 5], X6 = from[at + 6], X7 = from[at + 7],
    };

    /// <summary>Stores eight neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(ArrayView<float> to, long at)
    {
        to[at] = X0;
        to[at + 1] = X1;
        to[at + 2] = X2;
        to[at + 3] = X3;
        to[at + 4] = X4;
        to[at + 5] = X5;
        to[at + 6] = X6;
        to[at + 7] = X7;
    }

    /// <summary>sum ← a·b + sum, for each of the eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(float a, Lanes b, ref Lanes sum)
    {
        sum.X0 += a * b.X0;
        sum.X1 += a * b.X1;
        sum.X2 += a * b.X2;
        sum.X3 += a * b.X3;
        sum.X4 += a * b.X4;
        sum.X5 += a * b.X5;
        sum.X6 += a * b.X6;
        sum.X7 += a * b.X7;
    }

    /// <summary>term + factor·x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes AddScaled(float term, float factor, Lanes x) => new()
    {
        X0 = term + factor * x.X0, X1 = term + factor * x.X1, X2 = term + factor * x.X2, X3 = term + factor * x.X3,
        X4 = term + factor * x.X4, X5 = term + factor * x.X5, X6 = term + factor * x.X6, X7 = term + factor * x.X7,
    };

    /// <summary>a·b, each with each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Multiply(Lanes a, Lanes b) => new()
    {
        X0 = a.X0 * b.X0, X1 = a.X1 * b.X1, X2 = a.X2 * b.X2, X3 = a.X3 * b.X3, X4 = a.X4 * b.X4, X5 = a.X5 * b.X5, X6 = a.X6 * b.X6, X7 = a.X7 * b.X7,
    };

    /// <summary>The sum of the eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Sum() => ((X0 + X4) + (X2 + X6)) + ((X1 + X5) + (X3 + X7));

    /// <summary>e^x for x at most about 0, within 2 ulp; 0 below −87. A polynomial, so that eight are as fast as one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Exp(Lanes x) => new()
    {
        X0 = Exp(x.X0), X1 = Exp(x.X1), X2 = Exp(x.X2), X3 = Exp(x.X3), X4 = Exp(x.X4), X5 = Exp(x.X5), X6 = Exp(x.X6), X7 = Exp(x.X7),
    };

    // e^x = 2ⁿ e^r with n = round(x / ln 2), r = x − n ln 2 (ln 2 in two parts), e^r by the polynomial of Cephes' expf.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Exp(float x)
    {
        float bounded = x > -87f ? x : -87f;
        int n = (int)(bounded * 1.44269504f - 0.5f); // towards zero: rounds numbers below ½
        float r = bounded - n * 0.693359375f + n * 2.12194440e-4f;
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        float value = (p * r * r + r + 1f) * Interop.IntAsFloat((uint)((n + 127) << 23));
        return x > -87f ? value : 0f;
    }
}
