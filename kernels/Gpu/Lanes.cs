using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>The functions of a softmax on eight floats: what a compiler for a CPU turns into vector instructions.</summary>
internal static class Lanes
{
    /// <summary>Eight neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Load(ArrayView<float> from, long at) => new()
    {
        S0 = from[at],
        S1 = from[at + 1],
        S2 = from[at + 2],
        S3 = from[at + 3],
        S4 = from[at + 4],
        S5 = from[at + 5],
        S6 = from[at + 6],
        S7 = from[at + 7],
    };

    /// <summary>Stores eight neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(this Float8 x, ArrayView<float> to, long at)
    {
        to[at] = x.S0;
        to[at + 1] = x.S1;
        to[at + 2] = x.S2;
        to[at + 3] = x.S3;
        to[at + 4] = x.S4;
        to[at + 5] = x.S5;
        to[at + 6] = x.S6;
        to[at + 7] = x.S7;
    }

    /// <summary>term + factor·x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 AddScaled(float term, float factor, Float8 x) => new()
    {
        S0 = term + factor * x.S0,
        S1 = term + factor * x.S1,
        S2 = term + factor * x.S2,
        S3 = term + factor * x.S3,
        S4 = term + factor * x.S4,
        S5 = term + factor * x.S5,
        S6 = term + factor * x.S6,
        S7 = term + factor * x.S7,
    };

    /// <summary>a·b, each with each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Multiply(Float8 a, Float8 b) => new()
    {
        S0 = a.S0 * b.S0,
        S1 = a.S1 * b.S1,
        S2 = a.S2 * b.S2,
        S3 = a.S3 * b.S3,
        S4 = a.S4 * b.S4,
        S5 = a.S5 * b.S5,
        S6 = a.S6 * b.S6,
        S7 = a.S7 * b.S7,
    };

    /// <summary>The sum of the eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(this Float8 x) => ((x.S0 + x.S4) + (x.S2 + x.S6)) + ((x.S1 + x.S5) + (x.S3 + x.S7));

    /// <summary>The first of eight neighbours that exist, and a filler in the place of the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 LoadSome(ArrayView<float> from, long at, int exist, float filler) => new()
    {
        S0 = exist > 0 ? from[at] : filler,
        S1 = exist > 1 ? from[at + 1] : filler,
        S2 = exist > 2 ? from[at + 2] : filler,
        S3 = exist > 3 ? from[at + 3] : filler,
        S4 = exist > 4 ? from[at + 4] : filler,
        S5 = exist > 5 ? from[at + 5] : filler,
        S6 = exist > 6 ? from[at + 6] : filler,
        S7 = exist > 7 ? from[at + 7] : filler,
    };

    /// <summary>Stores the first of the eight that exist.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSome(this Float8 x, ArrayView<float> to, long at, int exist)
    {
        if (exist > 0) to[at] = x.S0;
        if (exist > 1) to[at + 1] = x.S1;
        if (exist > 2) to[at + 2] = x.S2;
        if (exist > 3) to[at + 3] = x.S3;
        if (exist > 4) to[at + 4] = x.S4;
        if (exist > 5) to[at + 5] = x.S5;
        if (exist > 6) to[at + 6] = x.S6;
        if (exist > 7) to[at + 7] = x.S7;
    }

    /// <summary>Eight times the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Create(float x) => new() { S0 = x, S1 = x, S2 = x, S3 = x, S4 = x, S5 = x, S6 = x, S7 = x };

    /// <summary>a + b, each with each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Add(Float8 a, Float8 b) => new()
    {
        S0 = a.S0 + b.S0,
        S1 = a.S1 + b.S1,
        S2 = a.S2 + b.S2,
        S3 = a.S3 + b.S3,
        S4 = a.S4 + b.S4,
        S5 = a.S5 + b.S5,
        S6 = a.S6 + b.S6,
        S7 = a.S7 + b.S7,
    };

    /// <summary>The largest of the eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(this Float8 x) =>
        Larger(Larger(Larger(x.S0, x.S4), Larger(x.S2, x.S6)), Larger(Larger(x.S1, x.S5), Larger(x.S3, x.S7)));

    /// <summary>e^x for x at most about 0; see the one for a single number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8 Exp(Float8 x) => new()
    {
        S0 = Exp(x.S0),
        S1 = Exp(x.S1),
        S2 = Exp(x.S2),
        S3 = Exp(x.S3),
        S4 = Exp(x.S4),
        S5 = Exp(x.S5),
        S6 = Exp(x.S6),
        S7 = Exp(x.S7),
    };

    /// <summary>The larger of two numbers: one instruction, as neither is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Larger(float a, float b) => a > b ? a : b;

    /// <summary>
    /// e^x for x at most about 0, within a relative 3e-7; 0 below −87. A polynomial, so that eight are as fast as one, and the same on
    /// every device:
    /// x = n ln 2 + r (ln 2 in two parts), e^x = 2ⁿ e^r, e^r by the polynomial of Cephes' expf.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x)
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
        return x > -87f ? value : x <= -87f ? 0f : x; // NaN stays NaN: a loss that has gone wrong must show
    }
}
