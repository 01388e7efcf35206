using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Where the register tile finds A: row i of a tile is at Start + i·RowStride + k·DepthStride for rows counted from the top of A, or, where
/// tiles have been copied k-major, tile t is at Start + t·TileStride with its rows next to each other.
/// </summary>
internal readonly unsafe struct TiledRows(float* start, nint rowStride, nint depthStride, nint tileStride = 0)
{
    public readonly float* Start = start;
    public readonly nint RowStride = rowStride, DepthStride = depthStride, TileStride = tileStride;

    /// <summary>The rows as they lie in memory.</summary>
    public static TiledRows InPlace(in GemmOperands o, nint k0) => new(o.A + (k0 * o.DepthStrideA), o.RowStrideA, o.DepthStrideA);

    /// <summary>
    /// Copies rows of A as they are, at a distance that spreads them over the sets of the first-level cache: rows whose distance in memory
    /// is a multiple of 4 kB would push each other out.
    /// </summary>
    public static TiledRows SpreadOut(in GemmOperands o, nint k0, int depth, int firstRow, int endRow)
    {
        nint stride = ((depth + 15) & ~15) + 16;
        float* copy = GemmScratch.ForA((endRow - firstRow) * stride);
        for (int i = firstRow; i < endRow; i++)
        {
            float* source = o.A + (i * o.RowStrideA) + k0;
            new ReadOnlySpan<float>(source, depth).CopyTo(new Span<float>(copy + ((i - firstRow) * stride), depth));
        }

        return new TiledRows(copy - (firstRow * stride), stride, 1);
    }

    /// <summary>Copies columns of a transposed A tile by tile, k-major.</summary>
    public static TiledRows Gathered<TTile>(in GemmOperands o, nint from, int depth, int firstTile, int endTile)
        where TTile : struct, IGemmTile
    {
        // Whole vectors are copied; what they hold beyond the tile's height is overwritten by the next k, or falls between two tiles.
        nint tileStride = ((nint)TTile.MaxRows * depth) + Vector<float>.Count;
        float* copy = GemmScratch.ForA((endTile - firstTile) * tileStride);
        const int Chunk = 32; // values of k for which all tiles are copied, so that the tiles read every cache line of A once
        for (int k0 = 0; k0 < depth; k0 += Chunk)
        {
            int k1 = Math.Min(depth, k0 + Chunk);
            for (int t = firstTile; t < endTile; t++)
            {
                int row = o.FirstRow<TTile>(t), rows = o.FirstRow<TTile>(t + 1) - row;
                float* source = o.A + ((from + k0) * o.DepthStrideA) + row, target = copy + ((t - firstTile) * tileStride) + (k0 * rows);
                bool vectors = row + rows + Vector<float>.Count <= o.M;
                for (int k = k0; k < k1; k++, source += o.DepthStrideA, target += rows)
                {
                    if (vectors)
                    {
                        for (int i = 0; i < rows; i += Vector<float>.Count) Vector.Load(source + i).Store(target + i);
                    }
                    else
                    {
                        for (int i = 0; i < rows; i++) target[i] = source[i];
                    }
                }
            }
        }

        return new TiledRows(copy - (firstTile * tileStride), 1, 0, tileStride);
    }
}

/// <summary>The product of tiles of A with one panel of B.</summary>
internal static unsafe class GemmPanel
{
    /// <summary>
    /// c[i·ldc + x] (+)= Σₖ A[i,k]·b[k·ldb + x] for the rows of the given tiles and 0 ≤ x &lt; width ≤ two vectors, C's first row at c.
    /// Rows of b hold whole vectors, one if width allows it, two otherwise.
    /// </summary>
    public static void Multiply<TTile, TElement>(
        in GemmOperands o, in TiledRows a, int firstTile, int endTile, byte* b, nint ldb, int width, float* c, int depth, bool accumulate)
        where TTile : struct, IGemmTile
        where TElement : struct, IElement
    {
        bool wide = width > TTile.Lanes;
        int vectorWidth = wide ? 2 * TTile.Lanes : TTile.Lanes;
        float* edge = stackalloc float[TTile.MaxRows * 2 * TTile.Lanes];
        for (int t = firstTile; t < endTile; t++)
        {
            int row = o.FirstRow<TTile>(t), rows = o.FirstRow<TTile>(t + 1) - row;
            float* start = a.Start + (a.TileStride == 0 ? row * a.RowStride : t * a.TileStride);
            nint depthStride = a.TileStride == 0 ? a.DepthStride : rows;
            float* target = c + (row * o.Ldc);
            if (width == vectorWidth)
            {
                TTile.Multiply<TElement>(rows, wide, start, a.RowStride, depthStride, b, ldb, target, o.Ldc, depth, accumulate);
                continue;
            }

            // The last columns: the same tile on the panel's zero padding, of which only the real columns are kept.
            TTile.Multiply<TElement>(rows, wide, start, a.RowStride, depthStride, b, ldb, edge, vectorWidth, depth, accumulate: false);
            for (int i = 0; i < rows; i++)
            {
                for (int x = 0; x < width; x++)
                {
                    float s = edge[(i * vectorWidth) + x];
                    target[(i * o.Ldc) + x] = accumulate ? s + target[(i * o.Ldc) + x] : s;
                }
            }
        }
    }
}
