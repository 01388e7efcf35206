using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Sizes and strides of a product: element (i, k) of A lies at i·RowA + k·DepthA, element (k, j) of B at k·DepthB + j·ColumnB, element (i,
/// j) of C at i·N + j. So the forms are one to a kernel that does not care which stride is 1.
/// </summary>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">The inner dimension.</param>
/// <param name="RowA">From row to row of A.</param>
/// <param name="DepthA">From k to k in A.</param>
/// <param name="DepthB">From k to k in B.</param>
/// <param name="ColumnB">From column to column of B.</param>
/// <param name="Accumulate">Not 0: C += product.</param>
internal readonly record struct GemmShape(int M, int N, int K, int RowA, int DepthA, int DepthB, int ColumnB, int Accumulate)
{
    /// <summary>The shape of a product of contiguous matrices.</summary>
    internal static GemmShape Of(GemmForm form, int m, int n, int k, bool accumulate)
    {
        (int rowA, int depthA) = form == GemmForm.TN ? (1, m) : (k, 1);
        (int depthB, int columnB) = form == GemmForm.NT ? (1, k) : (n, 1);
        return new GemmShape(m, n, k, rowA, depthA, depthB, columnB, accumulate ? 1 : 0);
    }
}
