using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Against the naive product: a group computes a tile of C from tiles of A and B in shared memory, each work item 4 by 4 or 8 by 8 elements
/// in registers, so that an element of A or B is fetched once for 64 or 128 of C; the next tiles are on their way while these are used.
/// </summary>
internal static class GemmTiled
{
    /// <summary>Work items of a group: 16 by 16 register tiles.</summary>
    public const int GroupSize = 256;

    /// <summary>
    /// C (64 by 64) ← tile of A · tile of B, 4 by 4 a work item. Grid (columns, rows, pieces of K): a group takes
    /// <paramref name="blocksPerGroup"/>
    /// blocks of K, and piece z writes to the z-th matrix at c. Aligned: each row in memory begins at a multiple of four floats.
    /// </summary>
    public static void Multiply64<TA, TB, TElement>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, GemmShape s,
        int blocksPerGroup, int aligned)
        where TA : struct, IGemmTileSource
        where TB : struct, IGemmTileSource
        where TElement : struct, IElement
    {
        const int Width = 64, Depth = 16, Row = (Width / 4) + 1;
        ArrayView<Float4> tileA = SharedMemory.Allocate<Float4>(Depth * Row), tileB = SharedMemory.Allocate<Float4>(Depth * Row);
        int tx = Group.IdxX % 16, ty = Group.IdxX / 16;
        int i0 = Grid.IdxY * Width, j0 = Grid.IdxX * Width;
        long origin = (long)Grid.IdxZ * s.M * s.N;
        int blocks = GemmDepth.Blocks(s.K), first = Grid.IdxZ * blocksPerGroup;
        for (int p = first; p < first + blocksPerGroup; p++)
        {
            int k0 = GemmDepth.Start(s.K, p, blocks), end = GemmDepth.Start(s.K, p + 1, blocks);
            Float4 s0 = default, s1 = default, s2 = default, s3 = default;
            Float4 nextA = TA.Load<Tile64, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0, end, aligned != 0),
                nextB = TB.Load<Tile64, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0, end, aligned != 0);
            for (; k0 < end; k0 += Depth)
            {
                TA.Store<Tile64>(tileA, nextA);
                TB.Store<Tile64>(tileB, nextB);
                Group.Barrier();
                nextA = TA.Load<Tile64, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0 + Depth, end, aligned != 0);
                nextB = TB.Load<Tile64, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0 + Depth, end, aligned != 0);
                for (int t = 0; t < Depth; t += 4)
                {
                    Step4(tileA[(t * Row) + ty], tileB[(t * Row) + tx], ref s0, ref s1, ref s2, ref s3);
                    Step4(tileA[((t + 1) * Row) + ty], tileB[((t + 1) * Row) + tx], ref s0, ref s1, ref s2, ref s3);
                    Step4(tileA[((t + 2) * Row) + ty], tileB[((t + 2) * Row) + tx], ref s0, ref s1, ref s2, ref s3);
                    Step4(tileA[((t + 3) * Row) + ty], tileB[((t + 3) * Row) + tx], ref s0, ref s1, ref s2, ref s3);
                }

                Group.Barrier();
            }

            bool add = s.Accumulate != 0 || p > first;
            Store(s0, s1, s2, s3, c, origin, i0 + (4 * ty), j0 + (4 * tx), s.M, s.N, add, aligned != 0);
        }
    }

    /// <summary>
    /// The same with C 128 by 128, 8 by 8 a work item: rows 4ty … 4ty + 3 and 64 more, columns alike. Half as many reads of shared memory
    /// for a multiply-add. For aligned matrices only: registers are scarce here.
    /// </summary>
    public static void Multiply128<TA, TB, TElement>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, GemmShape s,
        int blocksPerGroup)
        where TA : struct, IGemmTileSource
        where TB : struct, IGemmTileSource
        where TElement : struct, IElement
    {
        const int Width = 128, Depth = 8, Row = (Width / 4) + 1, Half = 16;
        ArrayView<Float4> tileA = SharedMemory.Allocate<Float4>(Depth * Row), tileB = SharedMemory.Allocate<Float4>(Depth * Row);
        int tx = Group.IdxX % 16, ty = Group.IdxX / 16;
        int i0 = Grid.IdxY * Width, j0 = Grid.IdxX * Width;
        long origin = (long)Grid.IdxZ * s.M * s.N;
        int blocks = GemmDepth.Blocks(s.K), first = Grid.IdxZ * blocksPerGroup;
        for (int p = first; p < first + blocksPerGroup; p++)
        {
            int k0 = GemmDepth.Start(s.K, p, blocks), end = GemmDepth.Start(s.K, p + 1, blocks);

            // Row r of the register tile: its left and its right four columns.
            Float4 l0 = default, l1 = default, l2 = default, l3 = default, l4 = default, l5 = default, l6 = default, l7 = default;
            Float4 r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
            Float4 nextA = TA.Load<Tile128, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0, end, aligned: true),
                nextB = TB.Load<Tile128, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0, end, aligned: true);
            for (; k0 < end; k0 += Depth)
            {
                TA.Store<Tile128>(tileA, nextA);
                TB.Store<Tile128>(tileB, nextB);
                Group.Barrier();
                nextA = TA.Load<Tile128, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0 + Depth, end, aligned: true);
                nextB = TB.Load<Tile128, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0 + Depth, end, aligned: true);
                for (int t = 0; t < Depth; t++)
                {
                    Float4 top = tileA[(t * Row) + ty], bottom = tileA[(t * Row) + Half + ty], left = tileB[(t * Row) + tx],
                        right = tileB[(t * Row) + Half + tx];
                    Step4(top, left, ref l0, ref l1, ref l2, ref l3);
                    Step4(top, right, ref r0, ref r1, ref r2, ref r3);
                    Step4(bottom, left, ref l4, ref l5, ref l6, ref l7);
                    Step4(bottom, right, ref r4, ref r5, ref r6, ref r7);
                }

                Group.Barrier();
            }

            bool add = s.Accumulate != 0 || p > first;
            int i = i0 + (4 * ty), j = j0 + (4 * tx);
            Store(l0, r0, c, origin, i, j, s.M, s.N, add);
            Store(l1, r1, c, origin, i + 1, j, s.M, s.N, add);
            Store(l2, r2, c, origin, i + 2, j, s.M, s.N, add);
            Store(l3, r3, c, origin, i + 3, j, s.M, s.N, add);
            Store(l4, r4, c, origin, i + 64, j, s.M, s.N, add);
            Store(l5, r5, c, origin, i + 65, j, s.M, s.N, add);
            Store(l6, r6, c, origin, i + 66, j, s.M, s.N, add);
            Store(l7, r7, c, origin, i + 67, j, s.M, s.N, add);
        }
    }

    // s[r,·] ← a[r]·b + s[r,·], four rows of four columns
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step4(Float4 a, Float4 b, ref Float4 s0, ref Float4 s1, ref Float4 s2, ref Float4 s3)
    {
        Float4.MultiplyAdd(a.X, b, ref s0);
        Float4.MultiplyAdd(a.Y, b, ref s1);
        Float4.MultiplyAdd(a.Z, b, ref s2);
        Float4.MultiplyAdd(a.W, b, ref s3);
    }

    // A row of the register tile, two quadruples 64 columns apart.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Float4 left, Float4 right, ArrayView<float> c, long origin, int i, int j, int m, int n, bool add)
    {
        if (i >= m) return;
        long at = origin + ((long)i * n) + j;
        Float4.Store(left, c, at, n - j, add, aligned: true);
        Float4.Store(right, c, at + 64, n - j - 64, add, aligned: true);
    }

    // Four rows of a quadruple each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Float4 s0, Float4 s1, Float4 s2, Float4 s3, ArrayView<float> c, long origin, int i, int j, int m, int n,
        bool add, bool aligned)
    {
        long at = origin + ((long)i * n) + j;
        if (i < m) Float4.Store(s0, c, at, n - j, add, aligned);
        if (i + 1 < m) Float4.Store(s1, c, at + n, n - j, add, aligned);
        if (i + 2 < m) Float4.Store(s2, c, at + (2L * n), n - j, add, aligned);
        if (i + 3 < m) Float4.Store(s3, c, at + (3L * n), n - j, add, aligned);
    }
}
