namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The operands of one product C (+)= A·B, C (M, N), with strides: A[i,k] = A[i·RowStrideA + k·DepthStrideA], C[i,j] = C[i·Ldc + j], and
/// B[k,j] = B[k·Ldb + j], or B[j·Ldb + k] if TransposedB.
/// </summary>
internal readonly unsafe struct GemmOperands
{
    public readonly float* A, B, C;
    public readonly nint RowStrideA, DepthStrideA, Ldb, Ldc;
    public readonly int M, N, K;
    public readonly bool TransposedB, Accumulate;

    /// <summary>Contiguous matrices.</summary>
    public GemmOperands(GemmForm form, float* a, float* b, float* c, int m, int n, int k, bool accumulate)
        : this(form, a, form == GemmForm.TN ? m : k, b, form == GemmForm.NT ? k : n, c, n, m, n, k, accumulate)
    {
    }

    /// <summary>Matrices whose rows, as stored, are lda, ldb and ldc floats apart.</summary>
    public GemmOperands(GemmForm form, float* a, nint lda, float* b, nint ldb, float* c, nint ldc, int m, int n, int k, bool accumulate)
    {
        A = a;
        B = b;
        C = c;
        (M, N, K, Ldb, Ldc, Accumulate) = (m, n, k, ldb, ldc, accumulate);
        (RowStrideA, DepthStrideA) = form == GemmForm.TN ? ((nint)1, lda) : (lda, 1);
        TransposedB = form == GemmForm.NT;
    }

    /// <summary>Whether nothing is to be done: an empty C, or nothing to add to it.</summary>
    public bool Empty => M <= 0 || N <= 0 || (K <= 0 && Accumulate);

    /// <summary>Tiles that the rows are cut into: as few as the registers allow, of heights that differ by one at most.</summary>
    public int Tiles<TTile>()
        where TTile : struct, IGemmTile => (M + TTile.MaxRows - 1) / TTile.MaxRows;

    /// <summary>First row of tile t; the tile ends where tile t + 1 starts.</summary>
    public int FirstRow<TTile>(int t)
        where TTile : struct, IGemmTile => GemmGrid.Cut(M, t, Tiles<TTile>());

    /// <summary>Panels of two vectors that the columns fill.</summary>
    public int Panels<TTile>()
        where TTile : struct, IGemmTile => (N + (2 * TTile.Lanes) - 1) / (2 * TTile.Lanes);
}
