namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The product of A with packed panels of B, over blocks of the inner dimension: items are those of the grid.
/// C[i, j0 + j] (+)= Σₖ A[i,k]·B[k, j0 + j] for the columns that are packed. The panels hold packedDepth values of k, from the first block
/// on.
/// </summary>
internal readonly unsafe struct MultiplyTiles<TTile, TElement>(
    in GemmOperands operands, byte* packedB, int packedDepth, int j0, int columns, int firstBlock, int endBlock, GemmGrid grid) : IKernel
    where TTile : struct, IGemmTile
    where TElement : struct, IElement
{
    // Columns of a transposed A are gathered if they lie this far apart and this many panels read them; short rows are as good in place.
    private const int LongRow = 512, PanelsWorthGathering = 3;

    private readonly GemmOperands o = operands;

    public int Items => grid.Count;

    public void Run(int start, int end)
    {
        int panelWidth = 2 * TTile.Lanes;
        nint packedFrom = GemmBlocks.DepthStart(o.K, firstBlock);
        for (int item = start; item < end; item++)
        {
            (int firstTile, int endTile, int firstPanel, int endPanel) = grid[item];
            for (int p = firstBlock; p < endBlock; p++)
            {
                nint k0 = GemmBlocks.DepthStart(o.K, p);
                int depth = (int)(GemmBlocks.DepthStart(o.K, p + 1) - k0);
                TiledRows a = Rows(k0, depth, firstTile, endTile, endPanel - firstPanel);
                for (int panel = firstPanel; panel < endPanel; panel++)
                {
                    int j = panel * panelWidth, width = Math.Min(panelWidth, columns - j);
                    int packedWidth = width > TTile.Lanes ? panelWidth : TTile.Lanes;
                    byte* b = packedB + ((((nint)j * packedDepth) + ((k0 - packedFrom) * packedWidth)) * TElement.Size);
                    GemmPanel.Multiply<TTile, TElement>(o, a, firstTile, endTile, b, packedWidth, width, o.C + j0 + j, depth, o.Accumulate
                        || p > 0);
                }
            }
        }
    }

    private TiledRows Rows(nint k0, int depth, int firstTile, int endTile, int panels)
    {
        if (o.DepthStrideA == 1)
        {
            // Rows a multiple of 4 kB apart fall into the same sets of the first-level cache.
            bool collide = (o.RowStrideA & 1023) == 0 && o.M > 4 && panels > 1;
            if (collide) return TiledRows.SpreadOut(o, k0, depth, o.FirstRow<TTile>(firstTile), o.FirstRow<TTile>(endTile));
        }
        else if (o.DepthStrideA >= LongRow && panels >= PanelsWorthGathering)
        {
            return TiledRows.Gathered<TTile>(o, k0, depth, firstTile, endTile);
        }

        return TiledRows.InPlace(o, k0);
    }
}
