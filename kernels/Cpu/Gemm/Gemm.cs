using System.Runtime.Intrinsics.X86;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Matrix products on the CPU.
/// </summary>
/// <remarks>
/// <para>
/// What is computed, to the bit. K is cut into blocks of at most <see cref="GemmBlocks.MaxDepth"/>, evenly and by K alone. A block's sum is
/// one chain of fused multiply-adds from zero, k ascending, and the blocks are added in order:
/// </para>
/// <code>
///   Sₚ = fma(a[i,k₁], b[k₁,j], ... fma(a[i,k₀], b[k₀,j], 0))       k₀ … k₁ the block p
///   C[i,j] = (((C₀[i,j]) + S₀) + S₁) + ...                         without the first term unless accumulating
/// </code>
/// <para>
/// Nothing else enters: not M, not N, not the place of the row, not the tile that holds it, not the number of threads. So a row of the
/// product has the same bits alone and in any batch, in <see cref="Multiply"/> and in <see cref="PackedMatrix.Multiply"/>.
/// </para>
/// <para>
/// How. Panels of B, two vectors wide, are copied k-major into a buffer that the caches hold; tiles of C stay in registers while k runs
/// over a block (K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008). The rows are cut
/// evenly, so that no tile is much lower than another. The tile for the machine's vectors is chosen once, when the code is compiled at
/// start-up.
/// </para>
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>
    /// Products of fewer multiply-adds than this are not worth waking another thread for: about five microseconds of one core.
    /// </summary>
    internal const long MultiplyAddsWorthSplitting = 1 << 18;

    /// <summary>The vectors that products run on: "AVX-512", "AVX2" or "Vector&lt;T&gt;".</summary>
    public static string Path =>
        HasAvx512 ? "AVX-512" : HasAvx2 ? "AVX2" : "Vector<T>";

    internal static bool HasAvx512 => Avx512F.IsSupported;

    internal static bool HasAvx2 => Avx2.IsSupported && Fma.IsSupported;

    /// <summary>
    /// C = A·B, A·Bᵀ or Aᵀ·B by <paramref name="form"/>, or C += that if <paramref name="accumulate"/>; C is (M, N), K is the inner
    /// dimension, all row-major and contiguous. Sizes may be zero; K = 0 gives zeros. C overlaps neither A nor B.
    /// </summary>
    public static void Multiply(Workers workers, GemmForm form, float* a, float* b, float* c, int M, int N, int K, bool accumulate)
    {
        GemmOperands operands = new(form, a, b, c, M, N, K, accumulate);
        Multiply(workers, operands, new RowMajor(b, operands.Ldb, operands.TransposedB));
    }

    /// <summary>The product with B from where its source has it.</summary>
    internal static void Multiply<TSource>(Workers workers, in GemmOperands operands, TSource b)
        where TSource : unmanaged, IPanelSource
    {
        if (HasAvx512) GemmBlocks.Multiply<GemmTileAvx512, TSource>(workers, operands, b);
        else if (HasAvx2) GemmBlocks.Multiply<GemmTileAvx2, TSource>(workers, operands, b);
        else GemmBlocks.Multiply<GemmTilePortable, TSource>(workers, operands, b);
    }

    /// <summary>
    /// The same product of small matrices inside larger ones, rows lda, ldb and ldc floats apart, on the calling thread: the building block
    /// of attention. All of K is one chain, whatever its length; up to <see cref="GemmBlocks.MaxDepth"/> the bits are those of
    /// <see cref="Multiply"/>.
    /// </summary>
    internal static void MultiplyBlock(GemmForm form, float* a, nint lda, float* b, nint ldb, float* c, nint ldc, int M, int N, int K,
        bool accumulate)
    {
        GemmOperands operands = new(form, a, lda, b, ldb, c, ldc, M, N, K, accumulate);
        if (HasAvx512) GemmBlocks.MultiplyBlock<GemmTileAvx512>(operands);
        else if (HasAvx2) GemmBlocks.MultiplyBlock<GemmTileAvx2>(operands);
        else GemmBlocks.MultiplyBlock<GemmTilePortable>(operands);
    }
}
