namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The loops around the register tile: blocks of columns, blocks of the inner dimension, then tiles shared among the threads.
/// </summary>
internal static unsafe class GemmBlocks
{
    /// <summary>
    /// Longest block of the inner dimension: C is read and written once for each block, and a panel of B is to stay in the second-level
    /// cache.
    /// </summary>
    public const int MaxDepth = 768;

    // Columns of B that are packed at a time: with MaxDepth rows, 3 MB.
    private const int MaxColumns = 1024;

    // Elements of A that stay in the second-level cache while the panels of B pass: 384 kB.
    private const int ElementsInCache = 96 * 1024;

    /// <summary>Number of blocks that K is cut into.</summary>
    public static int DepthBlocks(int K) => Math.Max(1, (K + MaxDepth - 1) / MaxDepth);

    /// <summary>First k of block p; block p ends where block p + 1 starts.</summary>
    public static int DepthStart(int K, int p) => GemmGrid.Cut(K, p, DepthBlocks(K));

    /// <summary>Whether a product is worth waking another thread for.</summary>
    public static bool Split(Workers workers, in GemmOperands o) =>
        workers.Threads > 1 && (long)o.M * o.N * o.K >= Gemm.MultiplyAddsWorthSplitting;

    /// <summary>The division of C's tiles, for some panels and a block of the given depth.</summary>
    public static GemmGrid Grid<TTile>(in GemmOperands o, int panels, int depth, int threads)
        where TTile : struct, IGemmTile =>
        new(o.Tiles<TTile>(), panels, Math.Max(4, ElementsInCache / (TTile.MaxRows * Math.Max(1, depth))), threads);

    /// <summary>The product, with B from where its source has it.</summary>
    public static void Multiply<TTile, TSource>(Workers workers, in GemmOperands o, TSource b)
        where TTile : struct, IGemmTile
        where TSource : unmanaged, IPanelSource
    {
        if (o.Empty) return;
        int panelWidth = 2 * TTile.Lanes;
        bool split = Split(workers, o);
        for (int j0 = 0; j0 < o.N; j0 += MaxColumns)
        {
            int columns = Math.Min(MaxColumns, o.N - j0), panels = (columns + panelWidth - 1) / panelWidth;
            for (int p = 0; p < DepthBlocks(o.K); p++)
            {
                int k0 = DepthStart(o.K, p), depth = DepthStart(o.K, p + 1) - k0;
                float* packed = GemmScratch.ForB((long)panels * panelWidth * depth);
                PackPanels<TTile, TSource> pack = new(b, packed, j0, columns, k0, depth);
                MultiplyTiles<TTile, Float32> multiply = new(o, (byte*)packed, depth, j0, columns, p, p + 1,
                    Grid<TTile>(o, panels, depth, split ? workers.Threads : 1));
                if (split)
                {
                    workers.Run(pack, panels, grain: 4);
                    workers.Run(multiply, multiply.Items);
                }
                else
                {
                    pack.Run(0, panels);
                    multiply.Run(0, multiply.Items);
                }
            }
        }
    }

    /// <summary>
    /// The product on the calling thread, all of K in one block: B is read in place if it fills whole vectors, else packed panel by panel.
    /// </summary>
    public static void MultiplyBlock<TTile>(in GemmOperands o)
        where TTile : struct, IGemmTile
    {
        if (o.Empty) return;
        int lanes = TTile.Lanes, panelWidth = 2 * lanes, tiles = o.Tiles<TTile>();
        TiledRows a = TiledRows.InPlace(o, 0);
        for (int j = 0; j < o.N; j += panelWidth)
        {
            int width = Math.Min(panelWidth, o.N - j), packedWidth = width > lanes ? panelWidth : lanes;
            float* b = o.B + (o.TransposedB ? j * o.Ldb : j);
            nint ldb = o.Ldb;
            if (o.TransposedB || width != packedWidth)
            {
                float* packed = GemmScratch.ForB((long)panelWidth * o.K);
                new RowMajor(b, ldb, o.TransposedB).Pack<TTile>(packed, 0, width, 0, o.K);
                b = packed;
                ldb = packedWidth;
            }

            GemmPanel.Multiply<TTile, Float32>(o, a, 0, tiles, (byte*)b, ldb, width, o.C + j, o.K, o.Accumulate);
        }
    }
}
