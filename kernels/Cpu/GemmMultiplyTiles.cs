using System.Runtime.CompilerServices;
using Operands = MiniTransformer.Kernels.Cpu.Gemm.Operands;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The product of A with packed panels of B, over some blocks of the inner dimension: items are those of the grid.
/// C[i, j0 + j] (+)= Σₖ A[i,k]·B[k, j0 + j] for the columns that are packed.
/// </summary>
internal readonly unsafe struct MultiplyTiles<TTile>(
    in Operands operands, float* packedB, int packedDepth, int j0, int columns, int firstBlock, int endBlock, GemmGrid grid) : IKernel
    where TTile : struct, IGemmTile
{
    private readonly Operands o = operands;

    public int Items => grid.Count;

    public void Run(int start, int end)
    {
        for (int item = start; item < end; item++)
        {
            (int firstTile, int endTile, int firstPanel, int endPanel) = grid[item];
            bool packA = endPanel - firstPanel >= 4 || (o.RowStrideA & 255) == 0;
            int packedFrom = GemmBlocks.DepthStart(o.K, firstBlock);
            for (int p = firstBlock; p < endBlock; p++)
            {
                int k0 = GemmBlocks.DepthStart(o.K, p), depth = GemmBlocks.DepthStart(o.K, p + 1) - k0;
                TilesOfA tiles = Tiles(firstTile, endTile, o.A + (k0 * o.DepthStrideA), depth, packA);
                for (int panel = firstPanel; panel < endPanel; panel++)
                {
                    Panel(panel, k0 - packedFrom, depth, o.Accumulate || p > 0, tiles, firstTile, endTile);
                }
            }
        }
    }

    /// <summary>Where the register tile finds A: row i of tile t at Start + i·RowStride + t·TileStride, with DepthStride or, if that is 0, the tile's height between neighbours in k.</summary>
    private readonly record struct TilesOfA(nint Start, nint RowStride, nint DepthStride, nint TileStride);

    private int FirstRow(int tile) => GemmGrid.Cut(o.M, tile, grid.Tiles);

    private TilesOfA Tiles(int firstTile, int endTile, float* a, int depth, bool pack)
    {
        if (!pack) return new TilesOfA((nint)a, o.RowStrideA, o.DepthStrideA, 0);
        int firstRow = FirstRow(firstTile), endRow = FirstRow(endTile);
        if (o.DepthStrideA == 1)
        {
            // Rows as they are, at a distance that spreads them over the sets of the first-level cache.
            nint stride = ((depth + 15) & ~15) + 16;
            float* packed = GemmScratch.ForA((endRow - firstRow) * stride);
            for (int i = firstRow; i < endRow; i++)
            {
                Unsafe.CopyBlockUnaligned(packed + ((i - firstRow) * stride), a + (i * o.RowStrideA), (uint)(depth * sizeof(float)));
            }

            return new TilesOfA((nint)(packed - (firstRow * stride)), stride, 1, 0);
        }
        else
        {
            // Aᵀ: a tile's columns, k-major.
            nint tileStride = (nint)TTile.MaxRows * depth;
            float* packed = GemmScratch.ForA((endTile - firstTile) * tileStride);
            for (int t = firstTile; t < endTile; t++)
            {
                int row = FirstRow(t), rows = FirstRow(t + 1) - row;
                float* target = packed + ((t - firstTile) * tileStride), source = a + row;
                for (int k = 0; k < depth; k++, source += o.DepthStrideA, target += rows)
                {
                    for (int i = 0; i < rows; i++) target[i] = source[i];
                }
            }

            return new TilesOfA((nint)(packed - (firstTile * tileStride)), 1, 0, tileStride);
        }
    }

    private void Panel(int panel, nint k0, int depth, bool accumulate, in TilesOfA tiles, int firstTile, int endTile)
    {
        int lanes = TTile.Lanes, panelWidth = 2 * lanes;
        int j = panel * panelWidth, width = Math.Min(panelWidth, columns - j);
        bool wide = width > lanes;
        int packedWidth = wide ? panelWidth : lanes;
        float* b = packedB + ((nint)j * packedDepth) + (k0 * packedWidth);
        float* edge = stackalloc float[TTile.MaxRows * panelWidth];
        for (int t = firstTile; t < endTile; t++)
        {
            int row = FirstRow(t), rows = FirstRow(t + 1) - row;
            float* a = (float*)tiles.Start + (tiles.TileStride == 0 ? row * tiles.RowStride : t * tiles.TileStride);
            nint depthStride = tiles.TileStride == 0 ? tiles.DepthStride : rows;
            float* c = o.C + (row * o.Ldc) + j0 + j;
            if (width == packedWidth)
            {
                TTile.Multiply(rows, wide, a, tiles.RowStride, depthStride, b, packedWidth, c, o.Ldc, depth, accumulate);
                continue;
            }

            // The last columns: the same tile on the panel's zero padding, of which only the real columns are kept.
            TTile.Multiply(rows, wide, a, tiles.RowStride, depthStride, b, packedWidth, edge, packedWidth, depth, accumulate: false);
            for (int i = 0; i < rows; i++)
            {
                for (int x = 0; x < width; x++)
                {
                    float s = edge[(i * packedWidth) + x];
                    c[(i * o.Ldc) + x] = accumulate ? s + c[(i * o.Ldc) + x] : s;
                }
            }
        }
    }
}
