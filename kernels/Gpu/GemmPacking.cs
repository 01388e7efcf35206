using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>Copies operands into the order in which <see cref="GemmPanels"/> reads them.</summary>
internal static class GemmPacking
{
    /// <summary>Steps of k that a work item of <see cref="TransposedPanels{TElement}"/> copies.</summary>
    public const int Steps = 8;

    /// <summary>
    /// Panels of B (K, N), from column <paramref name="firstColumn"/>: a work item copies one row of one panel; grid (groups of k, panels).
    /// Columns beyond N become zero.
    /// </summary>
    public static void Panels<TElement>(ArrayView<float> b, ArrayView<float> panels, int n, int k, int firstColumn)
        where TElement : struct, IElement
    {
        int depth = (Grid.IdxX * Group.DimX) + Group.IdxX, j = firstColumn + (Grid.IdxY * GemmPanels.Width);
        if (depth >= k) return;
        long from = ((long)depth * n) + j, to = (((long)Grid.IdxY * k) + depth) * (GemmPanels.Width / 8);
        ArrayView<Float8> rows = panels.Cast<Float8>();
        rows[to] = Float8.LoadSome<TElement>(b, from, n - j);
        rows[to + 1] = Float8.LoadSome<TElement>(b, from + 8, n - j - 8);
    }

    /// <summary>Panels of Bᵀ, B stored (N, K): a work item copies <see cref="Steps"/> rows of one panel.</summary>
    public static void TransposedPanels<TElement>(ArrayView<float> b, ArrayView<float> panels, int n, int k, int firstColumn)
        where TElement : struct, IElement
    {
        int depth = ((Grid.IdxX * Group.DimX) + Group.IdxX) * Steps, j = firstColumn + (Grid.IdxY * GemmPanels.Width);
        if (depth >= k) return;
        long to = (((long)Grid.IdxY * k) + depth) * GemmPanels.Width;
        for (int column = 0; column < GemmPanels.Width; column++)
        {
            long from = ((long)(j + column) * k) + depth;
            Float8 values = Float8.LoadSome<TElement>(b, from, j + column < n ? k - depth : 0);
            Float8.StoreSome(values, panels, to + column, GemmPanels.Width, k - depth);
        }
    }

    /// <summary>
    /// Tiles of Aᵀ, A stored (K, M), from row <paramref name="firstRow"/> of Aᵀ: a tile holds its rows for each k; a work item copies one k
    /// of one tile; grid (groups of k, tiles). Rows beyond M are the last once more.
    /// </summary>
    public static void TransposedTiles(ArrayView<float> a, ArrayView<float> tiles, int m, int k, int firstRow)
    {
        int depth = (Grid.IdxX * Group.DimX) + Group.IdxX, i = firstRow + (Grid.IdxY * GemmPanels.Height);
        if (depth >= k) return;
        long from = ((long)depth * m) + i;
        int last = m - 1 - i;
        Float4 rows;
        rows.X = a[from];
        rows.Y = a[from + IntrinsicMath.Min(1, last)];
        rows.Z = a[from + IntrinsicMath.Min(2, last)];
        rows.W = a[from + IntrinsicMath.Min(3, last)];
        tiles.Cast<Float4>()[((long)Grid.IdxY * k) + depth] = rows;
    }
}
