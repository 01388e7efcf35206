using Operands = MiniTransformer.Kernels.Cpu.Gemm.Operands;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>The loops around the register tile: blocks of columns, blocks of the inner dimension, then tiles shared among the threads.</summary>
internal static unsafe class GemmBlocks
{
    /// <summary>Longest block of the inner dimension.</summary>
    public const int MaxDepth = 512;

    // Columns of B that are packed at a time: with MaxDepth rows, 2 MB.
    private const int MaxColumns = 1024;

    // Rows of A that stay in the second-level cache while the panels of B pass: 12 tiles of 14 rows and 512 columns, 340 KB.
    public const int TilesInCache = 12;

    /// <summary>Number of blocks that K is cut into.</summary>
    public static int DepthBlocks(int K) => Math.Max(1, (K + MaxDepth - 1) / MaxDepth);

    /// <summary>First k of block p; block p ends where block p + 1 starts.</summary>
    public static int DepthStart(int K, int p) => (int)((long)K * p / DepthBlocks(K));

    public static void Multiply<TTile>(Workers workers, in Operands o)
        where TTile : struct, IGemmTile
    {
        if (o.M <= 0 || o.N <= 0 || (o.K <= 0 && o.Accumulate)) return;
        int panelWidth = 2 * TTile.Lanes;
        int tiles = (o.M + TTile.MaxRows - 1) / TTile.MaxRows;
        int columnBlocks = (o.N + MaxColumns - 1) / MaxColumns;
        bool split = workers.Threads > 1 && (long)o.M * o.N * o.K >= Gemm.MultiplyAddsWorthSplitting;
        for (int columnBlock = 0; columnBlock < columnBlocks; columnBlock++)
        {
            int j0 = columnBlock * MaxColumns, columns = Math.Min(MaxColumns, o.N - j0);
            int panels = (columns + panelWidth - 1) / panelWidth;
            for (int p = 0; p < DepthBlocks(o.K); p++)
            {
                int k0 = DepthStart(o.K, p), depth = DepthStart(o.K, p + 1) - k0;
                float* packed = GemmScratch.ForB((long)panels * panelWidth * depth);
                PackPanels<TTile> pack = new(o.B + (o.TransposedB ? (j0 * o.Ldb) + k0 : (k0 * o.Ldb) + j0), o.Ldb, o.TransposedB, packed, columns, depth);
                if (split) workers.Run(pack, panels, grain: 4);
                else pack.Run(0, panels);

                MultiplyTiles<TTile> multiply = new(o, packed, depth, j0, columns, p, p + 1, new GemmGrid(tiles, panels, TilesInCache, split ? workers.Threads : 1));
                if (split) workers.Run(multiply, multiply.Items);
                else multiply.Run(0, multiply.Items);
            }
        }
    }
}
