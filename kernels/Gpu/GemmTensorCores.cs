using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Against the tiles of 128 by 128: the products are done by tensor cores, with A and B rounded to TF32 (11 significant bits) and sums in
/// float. An opt-in, for CUDA from compute capability 8.0 on.
/// </summary>
/// <remarks>
/// No GPU was at hand when this was written: it is assembled by ptxas, and run only in tests, with an emulation in place of
/// <see cref="TensorCores"/>. Rounding changes a factor by at most 2⁻¹¹ of itself, so |error| ≤ (2⁻¹⁰ + 2⁻²² + (K + 1)·2⁻²³)·Σ|a||b|.
/// </remarks>
internal static class GemmTensorCores
{
    /// <summary>Work items of a group: 4 by 2 warps of 32, each for 32 by 64 of C.</summary>
    public const int GroupSize = 256;

    /// <summary>Rows and columns of C of a group.</summary>
    public const int Width = 128;

    /// <summary>
    /// From row to row of the half of C that goes to global memory by way of shared memory: the width and some more, for the banks.
    /// </summary>
    public const int StoredRow = Width + 4;

    /// <summary>Floats of dynamic shared memory: room for half of C, which is more than the tiles of A and B need.</summary>
    public const int SharedFloats = Width / 2 * StoredRow;

    private const int TileLength = TensorTile.Steps * TensorTile.RowOfQuadruples;

    /// <summary>How it is started, given groups of columns, rows and pieces of K.</summary>
    public static KernelConfig Launch<TCores>(Index3D groups)
        where TCores : struct, ITensorCores =>
        new(groups, new Index3D(GroupSize, 1, 1), SharedMemoryConfig.RequestDynamic<Float4>((SharedFloats + TCores.OwnFloats) / 4));

    /// <summary>C (128 by 128) ← tile of A · tile of B; grid and arguments as for <see cref="GemmTiled.Multiply64"/>.</summary>
    public static void Multiply<TA, TB, TElement, TCores>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, GemmShape s,
        int blocksPerGroup, int aligned)
        where TA : struct, IGemmTileSource
        where TB : struct, IGemmTileSource
        where TElement : struct, IElement
        where TCores : struct, ITensorCores
    {
        ArrayView<Float4> shared = SharedMemory.GetDynamic<Float4>();
        ArrayView<Float4> tileA = shared.SubView(0, TileLength), tileB = shared.SubView(TileLength, TileLength);
        ArrayView<float> floats = shared.SubView(0, (SharedFloats + TCores.OwnFloats) / 4).Cast<float>();
        ArrayView<float> sums = TCores.Allocate();
        int i0 = Grid.IdxY * Width, j0 = Grid.IdxX * Width;
        int warp = Group.IdxX / 32, g = Group.IdxX % 32 / 4, t = Group.IdxX % 4;
        int atA = (t * 4 * TensorTile.RowOfQuadruples) + (warp / 2 * 32) + g;
        int atB = (4 * TileLength) + (t * 4 * TensorTile.RowOfQuadruples) + (warp % 2 * 64) + g;
        int stored = (((warp / 2 * 16) + g) * StoredRow) + (warp % 2 * 64) + (2 * t);
        long origin = (long)Grid.IdxZ * s.M * s.N;
        int blocks = GemmDepth.Blocks(s.K), first = Grid.IdxZ * blocksPerGroup;
        for (int p = first; p < first + blocksPerGroup; p++)
        {
            int k0 = GemmDepth.Start(s.K, p, blocks), end = GemmDepth.Start(s.K, p + 1, blocks);
            TCores.Clear(sums);
            Float4 nextA = TA.Load<TensorTile, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0, end, aligned != 0),
                nextB = TB.Load<TensorTile, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0, end, aligned != 0);
            for (; k0 < end; k0 += TensorTile.Steps)
            {
                TA.Store<TensorTile>(tileA, Round(nextA));
                TB.Store<TensorTile>(tileB, Round(nextB));
                Group.Barrier();
                nextA = TA.Load<TensorTile, Float32>(a, s.RowA, s.DepthA, i0, s.M, k0 + TensorTile.Steps, end, aligned != 0);
                nextB = TB.Load<TensorTile, TElement>(b, s.ColumnB, s.DepthB, j0, s.N, k0 + TensorTile.Steps, end, aligned != 0);
                TCores.MultiplyAdd(floats, atA, atB, sums);
                Group.Barrier();
            }

            // The sums lie scattered over the lanes: they are put in order in shared memory, 16 of each warp's 32 rows at a time.
            bool add = s.Accumulate != 0 || p > first;
            for (int lower = 0; lower < 2; lower++)
            {
                TCores.Store(floats, stored, lower, sums);
                Group.Barrier();
                StoreRows(shared, c, origin, i0 + (16 * lower), j0, s.M, s.N, add, aligned != 0);
                Group.Barrier();
            }
        }
    }

    /// <summary>The nearest number with 11 significant bits, ties away from zero; infinities and NaN stay.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float x)
    {
        uint bits = Interop.FloatAsInt(x);
        return (bits & 0x7F800000u) == 0x7F800000u ? x : Interop.IntAsFloat((bits + 0x1000u) & 0xFFFFE000u);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Round(Float4 x)
    {
        x.X = Round(x.X);
        x.Y = Round(x.Y);
        x.Z = Round(x.Z);
        x.W = Round(x.W);
        return x;
    }

    // Row r of shared memory is row r % 16 of the 32 of warps r / 16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRows(ArrayView<Float4> shared, ArrayView<float> c, long origin, int i0, int j0, int m, int n, bool add,
        bool aligned)
    {
        for (int at = Group.IdxX; at < Width / 2 * (Width / 4); at += GroupSize)
        {
            int row = at / (Width / 4), quadruple = at % (Width / 4);
            int i = i0 + (row / 16 * 32) + (row % 16), j = j0 + (4 * quadruple);
            if (i < m) Float4.Store(shared[(row * (StoredRow / 4)) + quadruple], c, origin + ((long)i * n) + j, n - j, add, aligned);
        }
    }
}
