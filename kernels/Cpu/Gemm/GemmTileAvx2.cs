using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// AVX2 with FMA: 6 rows by two vectors of 8 floats, 12 sums, two vectors of B and one broadcast element of A in the 16 registers.
/// </summary>
internal readonly unsafe struct GemmTileAvx2 : IGemmTile
{
    /// <inheritdoc/>
    public static int MaxRows => 6;

    /// <inheritdoc/>
    public static int Lanes => 8;

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
        Vector256<float> s0_0 = default, s0_1 = default, s1_0 = default, s1_1 = default, s2_0 = default, s2_1 = default;
        Vector256<float> s3_0 = default, s3_1 = default, s4_0 = default, s4_1 = default, s5_0 = default, s5_1 = default;
        nint stride = rowStride, stride2 = 2 * rowStride, step = ldb * TElement.Size;
        float* a0 = a, a3 = a + (3 * stride);

        // C arrives from the outer caches while k runs.
        Prefetch<TWidth>(c);
        if (THeight.Rows > 1) Prefetch<TWidth>(c + (1 * ldc));
        if (THeight.Rows > 2) Prefetch<TWidth>(c + (2 * ldc));
        if (THeight.Rows > 3) Prefetch<TWidth>(c + (3 * ldc));
        if (THeight.Rows > 4) Prefetch<TWidth>(c + (4 * ldc));
        if (THeight.Rows > 5) Prefetch<TWidth>(c + (5 * ldc));

        // s[i,j] ← a[i,k]·b[k,j] + s[i,j]
        for (int k = 0; k < depth; k++)
        {
            Vector256<float> b0 = TElement.Load256(b), b1 = TWidth.Wide ? TElement.Load256(b + (8 * TElement.Size)) : default;
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
    private static void Row<TWidth>(float a, Vector256<float> b0, Vector256<float> b1, ref Vector256<float> s0, ref Vector256<float> s1)
        where TWidth : struct, IWidth
    {
        Vector256<float> x = Vector256.Create(a);
        s0 = Fma.MultiplyAdd(x, b0, s0);
        if (TWidth.Wide) s1 = Fma.MultiplyAdd(x, b1, s1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TWidth>(float* c, Vector256<float> s0, Vector256<float> s1, bool accumulate)
        where TWidth : struct, IWidth
    {
        if (accumulate)
        {
            s0 += Vector256.Load(c);
            if (TWidth.Wide) s1 += Vector256.Load(c + 8);
        }

        s0.Store(c);
        if (TWidth.Wide) s1.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TWidth>(float* c)
        where TWidth : struct, IWidth
    {
        Sse.Prefetch0(c);
        if (TWidth.Wide) Sse.Prefetch0(c + 8);
    }

    /// <inheritdoc/>
    public static void Transpose<TElement>(byte* source, nint lds, float* target, nint ldt)
        where TElement : struct, IElement
    {
        // Three rounds of interleaving rows at distance 1, 2 and 4; the last one moves 128-bit halves.
        Vector256<float>* t = stackalloc Vector256<float>[8];
        nint stride = lds * TElement.Size;
        for (int q = 0; q < 2; q++)
        {
            byte* row = source + (4 * q * stride);
            Vector256<float> r0 = TElement.Load256(row), r1 = TElement.Load256(row + stride);
            Vector256<float> r2 = TElement.Load256(row + (2 * stride)), r3 = TElement.Load256(row + (3 * stride));
            Vector256<double> low01 = Avx.UnpackLow(r0, r1).AsDouble(), high01 = Avx.UnpackHigh(r0, r1).AsDouble();
            Vector256<double> low23 = Avx.UnpackLow(r2, r3).AsDouble(), high23 = Avx.UnpackHigh(r2, r3).AsDouble();

            // Half c of t[2p + q] holds column 4c + p of rows 4q .. 4q + 3.
            t[q] = Avx.UnpackLow(low01, low23).AsSingle();
            t[2 + q] = Avx.UnpackHigh(low01, low23).AsSingle();
            t[4 + q] = Avx.UnpackLow(high01, high23).AsSingle();
            t[6 + q] = Avx.UnpackHigh(high01, high23).AsSingle();
        }

        for (int p = 0; p < 4; p++)
        {
            float* column = target + (p * ldt);
            Avx.Permute2x128(t[2 * p], t[(2 * p) + 1], 0x20).Store(column);
            Avx.Permute2x128(t[2 * p], t[(2 * p) + 1], 0x31).Store(column + (4 * ldt));
        }
    }
}
