using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Against the naive product: a work item computes 4 by 16 elements of C in registers, from columns of B that were copied k-major before.
/// For OpenCL devices of type CPU.
/// </summary>
/// <remarks>
/// The work item is to a CPU what the inner loop of <see cref="Cpu.GemmTileAvx2"/> is: eight sums of eight floats, which a vectorising
/// compiler keeps in eight of the sixteen registers. (Twelve would fit a program that is written for it, but LLVM keeps all the row's
/// factors too.) No work item reads what another of its group writes, so there is nothing to wait for and no shared memory, which on a CPU
/// is memory like any other.
/// </remarks>
internal static class GemmPanels
{
    /// <summary>Rows of a tile.</summary>
    public const int Height = 4;

    /// <summary>Columns of a tile and of a panel of B.</summary>
    public const int Width = 16;

    /// <summary>
    /// A tile of C a work item; grid (groups of tiles, panels). Panel p of B begins at p·k·<see cref="Width"/>, its row t at
    /// t·<see cref="Width"/> more. Element (i + r, t) of A, r a row of the tile from i, lies at i·<paramref name="tileA"/> + r·RowA +
    /// t·DepthA. The first panel holds the columns from <paramref name="firstColumn"/>.
    /// </summary>
    public static void Multiply(ArrayView<float> a, ArrayView<float> panels, ArrayView<float> c, GemmShape s, int tileA, int firstColumn)
    {
        int i = ((Grid.IdxX * Group.DimX) + Group.IdxX) * Height, j = firstColumn + (Grid.IdxY * Width);
        if (i >= s.M) return;

        // Rows beyond the last are computed as the last once more, and not stored.
        int last = s.M - 1 - i;
        long a0 = (long)i * tileA, a1 = a0 + ((long)IntrinsicMath.Min(1, last) * s.RowA),
            a2 = a0 + ((long)IntrinsicMath.Min(2, last) * s.RowA);
        long a3 = a0 + ((long)IntrinsicMath.Min(3, last) * s.RowA);
        ArrayView<Float8> b = panels.Cast<Float8>();
        long atB = (long)Grid.IdxY * s.K * (Width / 8);
        int blocks = GemmDepth.Blocks(s.K);
        for (int p = 0; p < blocks; p++)
        {
            // Row r of the tile: its left and its right eight columns.
            Float8 l0 = default, l1 = default, l2 = default, l3 = default;
            Float8 r0 = default, r1 = default, r2 = default, r3 = default;
            for (int depth = GemmDepth.Start(s.K, p + 1, blocks) - GemmDepth.Start(s.K, p, blocks); depth > 0; depth--)
            {
                Float8 left = b[atB], right = b[atB + 1];
                Row(a[a0], left, right, ref l0, ref r0);
                Row(a[a1], left, right, ref l1, ref r1);
                Row(a[a2], left, right, ref l2, ref r2);
                Row(a[a3], left, right, ref l3, ref r3);
                atB += Width / 8;
                a0 += s.DepthA;
                a1 += s.DepthA;
                a2 += s.DepthA;
                a3 += s.DepthA;
            }

            bool add = s.Accumulate != 0 || p > 0;
            Store(l0, r0, c, i, j, s.M, s.N, add);
            Store(l1, r1, c, i + 1, j, s.M, s.N, add);
            Store(l2, r2, c, i + 2, j, s.M, s.N, add);
            Store(l3, r3, c, i + 3, j, s.M, s.N, add);
        }
    }

    // s[r,·] ← a·b + s[r,·]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(float a, Float8 left, Float8 right, ref Float8 l, ref Float8 r)
    {
        Float8.MultiplyAdd(a, left, ref l);
        Float8.MultiplyAdd(a, right, ref r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Float8 left, Float8 right, ArrayView<float> c, int i, int j, int m, int n, bool add)
    {
        if (i >= m) return;
        long at = ((long)i * n) + j;
        Float8.StoreSome(left, c, at, n - j, add);
        Float8.StoreSome(right, c, at + 8, n - j - 8, add);
    }
}
