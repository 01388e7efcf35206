namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// How the tiles of C are dealt out: an item is some tiles high and some panels wide. One thread takes as many rows as the cache holds and
/// all columns; several threads get some items each, cut across the rows first, since every item packs its own rows of A.
/// </summary>
internal readonly struct GemmGrid
{
    public readonly int Tiles, Panels, RowBlocks, ColumnBlocks;

    public GemmGrid(int tiles, int panels, int tilesInCache, int threads)
    {
        const int ItemsPerThread = 4, FewestTiles = 3;
        (Tiles, Panels) = (tiles, panels);
        RowBlocks = (tiles + tilesInCache - 1) / tilesInCache;
        ColumnBlocks = 1;
        if (threads == 1) return;
        int wanted = ItemsPerThread * threads;
        RowBlocks = Math.Max(RowBlocks, Math.Min(wanted, tiles / FewestTiles));
        ColumnBlocks = Math.Min(panels, (wanted + RowBlocks - 1) / RowBlocks);
    }

    public int Count => RowBlocks * ColumnBlocks;

    public (int FirstTile, int EndTile, int FirstPanel, int EndPanel) this[int item]
    {
        get
        {
            int row = item % RowBlocks, column = item / RowBlocks;
            return (Cut(Tiles, row, RowBlocks), Cut(Tiles, row + 1, RowBlocks), Cut(Panels, column, ColumnBlocks),
                Cut(Panels, column + 1, ColumnBlocks));
        }
    }

    /// <summary>Where piece i of n begins when a length is cut evenly.</summary>
    public static int Cut(int length, int i, int n) => (int)((long)length * i / n);
}
