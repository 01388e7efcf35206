using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>Eight floats in named fields: one AVX register, once the compiler of an OpenCL device of type CPU has joined them.</summary>
/// <remarks>
/// Whole ones are read only where a view's start is a multiple of eight floats: on ILGPU's CPU accelerator, a cast view begins at its index
/// divided by eight.
/// </remarks>
internal struct Float8
{
    /// <summary>The floats, in the order of memory.</summary>
    public float S0, S1, S2, S3, S4, S5, S6, S7;

    /// <summary>sum ← a·b + sum, for each of the eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void MultiplyAdd(float a, Float8 b, ref Float8 sum)
    {
        sum.S0 += a * b.S0;
        sum.S1 += a * b.S1;
        sum.S2 += a * b.S2;
        sum.S3 += a * b.S3;
        sum.S4 += a * b.S4;
        sum.S5 += a * b.S5;
        sum.S6 += a * b.S6;
        sum.S7 += a * b.S7;
    }

    /// <summary>The first <paramref name="valid"/> of eight neighbours, at any alignment; the others are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float8 LoadSome<TElement>(ArrayView<float> from, long at, int valid)
        where TElement : struct, IElement
    {
        Float8 value = default;
        if (valid >= 8)
        {
            value.S0 = TElement.Load(from, at);
            value.S1 = TElement.Load(from, at + 1);
            value.S2 = TElement.Load(from, at + 2);
            value.S3 = TElement.Load(from, at + 3);
            value.S4 = TElement.Load(from, at + 4);
            value.S5 = TElement.Load(from, at + 5);
            value.S6 = TElement.Load(from, at + 6);
            value.S7 = TElement.Load(from, at + 7);
            return value;
        }

        if (valid > 0) value.S0 = TElement.Load(from, at);
        if (valid > 1) value.S1 = TElement.Load(from, at + 1);
        if (valid > 2) value.S2 = TElement.Load(from, at + 2);
        if (valid > 3) value.S3 = TElement.Load(from, at + 3);
        if (valid > 4) value.S4 = TElement.Load(from, at + 4);
        if (valid > 5) value.S5 = TElement.Load(from, at + 5);
        if (valid > 6) value.S6 = TElement.Load(from, at + 6);
        return value;
    }

    /// <summary>Stores the first <paramref name="valid"/> of the eight as neighbours, or adds them to what is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StoreSome(Float8 value, ArrayView<float> to, long at, int valid, bool accumulate)
    {
        if (valid >= 8)
        {
            if (accumulate) value = Sum(LoadSome<Float32>(to, at, 8), value);
            to[at] = value.S0;
            to[at + 1] = value.S1;
            to[at + 2] = value.S2;
            to[at + 3] = value.S3;
            to[at + 4] = value.S4;
            to[at + 5] = value.S5;
            to[at + 6] = value.S6;
            to[at + 7] = value.S7;
            return;
        }

        if (valid > 0) to[at] = accumulate ? to[at] + value.S0 : value.S0;
        if (valid > 1) to[at + 1] = accumulate ? to[at + 1] + value.S1 : value.S1;
        if (valid > 2) to[at + 2] = accumulate ? to[at + 2] + value.S2 : value.S2;
        if (valid > 3) to[at + 3] = accumulate ? to[at + 3] + value.S3 : value.S3;
        if (valid > 4) to[at + 4] = accumulate ? to[at + 4] + value.S4 : value.S4;
        if (valid > 5) to[at + 5] = accumulate ? to[at + 5] + value.S5 : value.S5;
        if (valid > 6) to[at + 6] = accumulate ? to[at + 6] + value.S6 : value.S6;
    }

    /// <summary>Stores the first <paramref name="valid"/> of the eight, <paramref name="stride"/> apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StoreSome(Float8 value, ArrayView<float> to, long at, int stride, int valid)
    {
        if (valid > 0) to[at] = value.S0;
        if (valid > 1) to[at + stride] = value.S1;
        if (valid > 2) to[at + (2 * stride)] = value.S2;
        if (valid > 3) to[at + (3 * stride)] = value.S3;
        if (valid > 4) to[at + (4 * stride)] = value.S4;
        if (valid > 5) to[at + (5 * stride)] = value.S5;
        if (valid > 6) to[at + (6 * stride)] = value.S6;
        if (valid > 7) to[at + (7 * stride)] = value.S7;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float8 Sum(Float8 a, Float8 b)
    {
        a.S0 += b.S0;
        a.S1 += b.S1;
        a.S2 += b.S2;
        a.S3 += b.S3;
        a.S4 += b.S4;
        a.S5 += b.S5;
        a.S6 += b.S6;
        a.S7 += b.S7;
        return a;
    }
}
