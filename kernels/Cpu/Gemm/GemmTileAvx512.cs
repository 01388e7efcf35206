using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// AVX-512: 14 rows by two vectors of 16 floats, 28 sums, two vectors of B and one broadcast element of A in the 32 registers.
/// Each step of k costs 28 multiply-adds and 16 loads, so that the multiply-add units are the limit.
/// </summary>
internal readonly unsafe struct GemmTileAvx512 : IGemmTile
{
    /// <inheritdoc/>
    public static int MaxRows => 14;

    /// <inheritdoc/>
    public static int Lanes => 16;

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
            case 7: Multiply<TElement, TWidth, H7>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 8: Multiply<TElement, TWidth, H8>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 9: Multiply<TElement, TWidth, H9>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 10: Multiply<TElement, TWidth, H10>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 11: Multiply<TElement, TWidth, H11>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 12: Multiply<TElement, TWidth, H12>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 13: Multiply<TElement, TWidth, H13>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
            case 14: Multiply<TElement, TWidth, H14>(a, rowStride, depthStride, b, ldb, c, ldc, depth, accumulate); break;
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
        Vector512<float> s0_0 = default, s0_1 = default, s1_0 = default, s1_1 = default, s2_0 = default, s2_1 = default;
        Vector512<float> s3_0 = default, s3_1 = default, s4_0 = default, s4_1 = default, s5_0 = default, s5_1 = default;
        Vector512<float> s6_0 = default, s6_1 = default, s7_0 = default, s7_1 = default, s8_0 = default, s8_1 = default;
        Vector512<float> s9_0 = default, s9_1 = default, s10_0 = default, s10_1 = default, s11_0 = default, s11_1 = default;
        Vector512<float> s12_0 = default, s12_1 = default, s13_0 = default, s13_1 = default;
        nint stride = rowStride, stride2 = 2 * rowStride, step = ldb * TElement.Size;
        float* a0 = a, a3 = a + (3 * stride), a6 = a + (6 * stride), a9 = a + (9 * stride), a12 = a + (12 * stride);

        // C arrives from the outer caches while k runs.
        Prefetch<TWidth>(c);
        if (THeight.Rows > 1) Prefetch<TWidth>(c + (1 * ldc));
        if (THeight.Rows > 2) Prefetch<TWidth>(c + (2 * ldc));
        if (THeight.Rows > 3) Prefetch<TWidth>(c + (3 * ldc));
        if (THeight.Rows > 4) Prefetch<TWidth>(c + (4 * ldc));
        if (THeight.Rows > 5) Prefetch<TWidth>(c + (5 * ldc));
        if (THeight.Rows > 6) Prefetch<TWidth>(c + (6 * ldc));
        if (THeight.Rows > 7) Prefetch<TWidth>(c + (7 * ldc));
        if (THeight.Rows > 8) Prefetch<TWidth>(c + (8 * ldc));
        if (THeight.Rows > 9) Prefetch<TWidth>(c + (9 * ldc));
        if (THeight.Rows > 10) Prefetch<TWidth>(c + (10 * ldc));
        if (THeight.Rows > 11) Prefetch<TWidth>(c + (11 * ldc));
        if (THeight.Rows > 12) Prefetch<TWidth>(c + (12 * ldc));
        if (THeight.Rows > 13) Prefetch<TWidth>(c + (13 * ldc));

        // s[i,j] ← a[i,k]·b[k,j] + s[i,j]
        for (int k = 0; k < depth; k++)
        {
            Vector512<float> b0 = TElement.Load512(b), b1 = TWidth.Wide ? TElement.Load512(b + (16 * TElement.Size)) : default;
            Row<TWidth>(a0[0], b0, b1, ref s0_0, ref s0_1);
            if (THeight.Rows > 1) Row<TWidth>(a0[stride], b0, b1, ref s1_0, ref s1_1);
            if (THeight.Rows > 2) Row<TWidth>(a0[stride2], b0, b1, ref s2_0, ref s2_1);
            if (THeight.Rows > 3) Row<TWidth>(a3[0], b0, b1, ref s3_0, ref s3_1);
            if (THeight.Rows > 4) Row<TWidth>(a3[stride], b0, b1, ref s4_0, ref s4_1);
            if (THeight.Rows > 5) Row<TWidth>(a3[stride2], b0, b1, ref s5_0, ref s5_1);
            if (THeight.Rows > 6) Row<TWidth>(a6[0], b0, b1, ref s6_0, ref s6_1);
            if (THeight.Rows > 7) Row<TWidth>(a6[stride], b0, b1, ref s7_0, ref s7_1);
            if (THeight.Rows > 8) Row<TWidth>(a6[stride2], b0, b1, ref s8_0, ref s8_1);
            if (THeight.Rows > 9) Row<TWidth>(a9[0], b0, b1, ref s9_0, ref s9_1);
            if (THeight.Rows > 10) Row<TWidth>(a9[stride], b0, b1, ref s10_0, ref s10_1);
            if (THeight.Rows > 11) Row<TWidth>(a9[stride2], b0, b1, ref s11_0, ref s11_1);
            if (THeight.Rows > 12) Row<TWidth>(a12[0], b0, b1, ref s12_0, ref s12_1);
            if (THeight.Rows > 13) Row<TWidth>(a12[stride], b0, b1, ref s13_0, ref s13_1);
            a0 += depthStride;
            a3 += depthStride;
            a6 += depthStride;
            a9 += depthStride;
            a12 += depthStride;
            b += step;
        }

        Store<TWidth>(c, s0_0, s0_1, accumulate);
        if (THeight.Rows > 1) Store<TWidth>(c + (1 * ldc), s1_0, s1_1, accumulate);
        if (THeight.Rows > 2) Store<TWidth>(c + (2 * ldc), s2_0, s2_1, accumulate);
        if (THeight.Rows > 3) Store<TWidth>(c + (3 * ldc), s3_0, s3_1, accumulate);
        if (THeight.Rows > 4) Store<TWidth>(c + (4 * ldc), s4_0, s4_1, accumulate);
        if (THeight.Rows > 5) Store<TWidth>(c + (5 * ldc), s5_0, s5_1, accumulate);
        if (THeight.Rows > 6) Store<TWidth>(c + (6 * ldc), s6_0, s6_1, accumulate);
        if (THeight.Rows > 7) Store<TWidth>(c + (7 * ldc), s7_0, s7_1, accumulate);
        if (THeight.Rows > 8) Store<TWidth>(c + (8 * ldc), s8_0, s8_1, accumulate);
        if (THeight.Rows > 9) Store<TWidth>(c + (9 * ldc), s9_0, s9_1, accumulate);
        if (THeight.Rows > 10) Store<TWidth>(c + (10 * ldc), s10_0, s10_1, accumulate);
        if (THeight.Rows > 11) Store<TWidth>(c + (11 * ldc), s11_0, s11_1, accumulate);
        if (THeight.Rows > 12) Store<TWidth>(c + (12 * ldc), s12_0, s12_1, accumulate);
        if (THeight.Rows > 13) Store<TWidth>(c + (13 * ldc), s13_0, s13_1, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row<TWidth>(float a, Vector512<float> b0, Vector512<float> b1, ref Vector512<float> s0, ref Vector512<float> s1)
        where TWidth : struct, IWidth
    {
        Vector512<float> x = Vector512.Create(a);
        s0 = Avx512F.FusedMultiplyAdd(x, b0, s0);
        if (TWidth.Wide) s1 = Avx512F.FusedMultiplyAdd(x, b1, s1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TWidth>(float* c, Vector512<float> s0, Vector512<float> s1, bool accumulate)
        where TWidth : struct, IWidth
    {
        if (accumulate)
        {
            s0 += Vector512.Load(c);
            if (TWidth.Wide) s1 += Vector512.Load(c + 16);
        }

        s0.Store(c);
        if (TWidth.Wide) s1.Store(c + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TWidth>(float* c)
        where TWidth : struct, IWidth
    {
        Sse.Prefetch0(c);
        if (TWidth.Wide) Sse.Prefetch0(c + 16);
    }

    /// <inheritdoc/>
    public static void Transpose<TElement>(byte* source, nint lds, float* target, nint ldt)
        where TElement : struct, IElement
    {
        // Four rounds of interleaving rows at distance 1, 2, 4 and 8; two of them act inside the 128-bit quarters, two move quarters.
        Vector512<float>* t = stackalloc Vector512<float>[16];
        nint stride = lds * TElement.Size;
        for (int q = 0; q < 4; q++)
        {
            byte* row = source + (4 * q * stride);
            Vector512<float> r0 = TElement.Load512(row), r1 = TElement.Load512(row + stride);
            Vector512<float> r2 = TElement.Load512(row + (2 * stride)), r3 = TElement.Load512(row + (3 * stride));
            Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
            Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();

            // Quarter c of t[4p + q] holds column 4c + p of rows 4q .. 4q + 3.
            t[q] = Avx512F.UnpackLow(low01, low23).AsSingle();
            t[4 + q] = Avx512F.UnpackHigh(low01, low23).AsSingle();
            t[8 + q] = Avx512F.UnpackLow(high01, high23).AsSingle();
            t[12 + q] = Avx512F.UnpackHigh(high01, high23).AsSingle();
        }

        for (int p = 0; p < 4; p++)
        {
            Vector512<float>* u = t + (4 * p);
            Vector512<float> even01 = Avx512F.Shuffle4x128(u[0], u[1], 0b10_00_10_00),
                odd01 = Avx512F.Shuffle4x128(u[0], u[1], 0b11_01_11_01);
            Vector512<float> even23 = Avx512F.Shuffle4x128(u[2], u[3], 0b10_00_10_00),
                odd23 = Avx512F.Shuffle4x128(u[2], u[3], 0b11_01_11_01);
            float* column = target + (p * ldt);
            Avx512F.Shuffle4x128(even01, even23, 0b10_00_10_00).Store(column);
            Avx512F.Shuffle4x128(odd01, odd23, 0b10_00_10_00).Store(column + (4 * ldt));
            Avx512F.Shuffle4x128(even01, even23, 0b11_01_11_01).Store(column + (8 * ldt));
            Avx512F.Shuffle4x128(odd01, odd23, 0b11_01_11_01).Store(column + (12 * ldt));
        }
    }
}
