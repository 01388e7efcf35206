using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Any other machine, through Vector&lt;float&gt;: 6 rows by two vectors. Where the hardware has no fused multiply-add, the chain is one of
/// products rounded and then added; it is the same in every tile, so the invariances of <see cref="Gemm"/> hold as well.
/// </summary>
internal readonly unsafe struct GemmTilePortable : IGemmTile
{
    /// <inheritdoc/>
    public static int MaxRows => 6;

    /// <inheritdoc/>
    public static int Lanes => Vector<float>.Count;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TElement>(
        int rows, bool wide, float* a, nint rowStride, nint depthStride, byte* b, nint ldb, float* c, nint ldc, int depth, bool accumulate)
        where TElement : struct, IElement
    {
        if (wide) Multiply<TElement, TwoVectors>(rows, a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate);
        else Multiply<TElement, OneVector>(rows, a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate);
    }

    private static void Multiply<TElement, TWidth>(
        int rows, float* a, nint rowStride, nint depthStride, byte* b, nint ldb, float* c, nint ldc, int depth, bool accumulate)
        where TElement : struct, IElement
        where TWidth : struct, IWidth
    {
        switch (rows)
        {
            case 1: Multiply<TElement, TWidth, H1>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 2: Multiply<TElement, TWidth, H2>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 3: Multiply<TElement, TWidth, H3>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 4: Multiply<TElement, TWidth, H4>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 5: Multiply<TElement, TWidth, H5>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 6: Multiply<TElement, TWidth, H6>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
        }
    }

    // Not inlined into its callers: the compiler spends a bounded effort on a method, and all of it is needed here.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Multiply<TElement, TWidth, THeight>(
        float* a, nint rowStride, nint depthStride, byte* b, nint ldb, float* c, nint ldc, int depth, bool accumulate)
        where TElement : struct, IElement
        where TWidth : struct, IWidth
        where THeight : struct, IHeight
    {
        // Row i of the tile: sᵢ₀ and sᵢ₁ are its two vectors. Three rows share a pointer: a₀, a₀ + stride, a₀ + 2·stride.
        Vector<float> s0_0 = default, s0_1 = default, s1_0 = default, s1_1 = default, s2_0 = default, s2_1 = default;
        Vector<float> s3_0 = default, s3_1 = default, s4_0 = default, s4_1 = default, s5_0 = default, s5_1 = default;
        nint stride = rowStride, stride2 = 2 * rowStride, step = ldb * TElement.Size;
        float* a0 = a, a3 = a + (3 * stride);

        // s[i,j] ← a[i,k]·b[k,j] + s[i,j]
        for (int k = 0; k < depth; k++)
        {
            Vector<float> b0 = TElement.LoadVector(b),
                b1 = TWidth.Wide ? TElement.LoadVector(b + (Vector<float>.Count * TElement.Size)) : default;
            Row<TWidth>(a0[0], b0, b1, ref s0_0, ref s0_1);
            if (THeight.Rows > 1) Row<TWidth>(a0[stride], b0, b1, ref s1_0, ref s1_1);
            if (THeight.Rows > 2) Row<TWidth>(a0[stride2], b0, b1, ref s2_0, ref s2_1);
            if (THeight.Rows > 3) Row<TWidth>(a3[0], b0, b1, ref s3_0, ref s3_1);
            if (THeight.Rows > 4) Row<TWidth>(a3[stride], b0, b1, ref s4_0, ref s4_1);
            if (THeight.Rows > 5) Row<TWidth>(a3[stride2], b0, b1, ref s5_0, ref s5_1);
            a0 += depthStride;
            a3 += depthStride;
            b += step;
        }

        Store<TWidth>(c, s0_0, s0_1, accumulate);
        if (THeight.Rows > 1) Store<TWidth>(c + (1 * ldc), s1_0, s1_1, accumulate);
        if (THeight.Rows > 2) Store<TWidth>(c + (2 * ldc), s2_0, s2_1, accumulate);
        if (THeight.Rows > 3) Store<TWidth>(c + (3 * ldc), s3_0, s3_1, accumulate);
        if (THeight.Rows > 4) Store<TWidth>(c + (4 * ldc), s4_0, s4_1, accumulate);
        if (THeight.Rows > 5) Store<TWidth>(c + (5 * ldc), s5_0, s5_1, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row<TWidth>(float a, Vector<float> b0, Vector<float> b1, ref Vector<float> s0, ref Vector<float> s1)
        where TWidth : struct, IWidth
    {
        Vector<float> x = new Vector<float>(a);
        s0 = Vector.MultiplyAddEstimate(x, b0, s0);
        if (TWidth.Wide) s1 = Vector.MultiplyAddEstimate(x, b1, s1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TWidth>(float* c, Vector<float> s0, Vector<float> s1, bool accumulate)
        where TWidth : struct, IWidth
    {
        if (accumulate)
        {
            s0 += Vector.Load(c);
            if (TWidth.Wide) s1 += Vector.Load(c + Vector<float>.Count);
        }

        s0.Store(c);
        if (TWidth.Wide) s1.Store(c + Vector<float>.Count);
    }

    /// <inheritdoc/>
    public static void Transpose<TElement>(byte* source, nint lds, float* target, nint ldt)
        where TElement : struct, IElement
    {
        for (int k = 0; k < Vector<float>.Count; k++)
        {
            for (int j = 0; j < Vector<float>.Count; j++) target[(k * ldt) + j] = TElement.Load(source + (((j * lds) + k) * TElement.Size));
        }
    }
}
