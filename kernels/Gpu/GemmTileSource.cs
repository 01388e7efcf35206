using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>The part of an operand that a group works on at a time: this many lines (rows of A, columns of B) by this many k.</summary>
internal interface IGemmTileSize
{
    /// <summary>Lines.</summary>
    static abstract int Width { get; }

    /// <summary>Steps of k; width times depth is four floats for each of 256 work items.</summary>
    static abstract int Depth { get; }

    /// <summary>
    /// From k to k in shared memory, in quadruples: the width and some more, so that what the lanes of a warp read or write at once falls
    /// into different banks.
    /// </summary>
    static abstract int Row { get; }
}

/// <summary>64 lines by 16 k.</summary>
internal readonly struct Tile64 : IGemmTileSize
{
    /// <inheritdoc/>
    public static int Width => 64;

    /// <inheritdoc/>
    public static int Depth => 16;

    /// <inheritdoc/>
    public static int Row => 17;
}

/// <summary>128 lines by 8 k.</summary>
internal readonly struct Tile128 : IGemmTileSize
{
    /// <inheritdoc/>
    public static int Width => 128;

    /// <inheritdoc/>
    public static int Depth => 8;

    /// <inheritdoc/>
    public static int Row => 33;
}

/// <summary>128 lines by 8 k for tensor cores, whose lanes read four rows of eight neighbours at once.</summary>
internal readonly struct TensorTile : IGemmTileSize
{
    /// <summary>Steps of k, of one instruction.</summary>
    public const int Steps = 8;

    /// <summary>From k to k in quadruples: 8 banks of 32 further.</summary>
    public const int RowOfQuadruples = 34;

    /// <inheritdoc/>
    public static int Width => 128;

    /// <inheritdoc/>
    public static int Depth => Steps;

    /// <inheritdoc/>
    public static int Row => RowOfQuadruples;
}

/// <summary>
/// How a tile comes from global memory into shared memory, where it always lies k-major: all forms of the product then share one inner
/// loop. Each of 256 work items moves four neighbours in memory; what lies outside the operand is zero.
/// </summary>
internal interface IGemmTileSource
{
    /// <summary>
    /// This work item's four floats of the tile from line x0 and depth k0, where there are <paramref name="lines"/> lines and k ends at
    /// <paramref name="end"/>. One of the strides is 1. Aligned: rows in memory begin at multiples of four floats and are as long.
    /// </summary>
    static abstract Float4 Load<TSize, TElement>(ArrayView<float> operand, int lineStride, int depthStride, int x0, int lines, int k0,
        int end, bool aligned)
        where TSize : struct, IGemmTileSize
        where TElement : struct, IElement;

    /// <summary>Stores the four floats where they belong.</summary>
    static abstract void Store<TSize>(ArrayView<Float4> tile, Float4 value)
        where TSize : struct, IGemmTileSize;
}

/// <summary>Lines are neighbours in memory: B of NN and TN, A of TN. A quadruple is four lines of one k.</summary>
internal readonly struct LinesAdjacent : IGemmTileSource
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load<TSize, TElement>(ArrayView<float> operand, int lineStride, int depthStride, int x0, int lines, int k0,
        int end, bool aligned)
        where TSize : struct, IGemmTileSize
        where TElement : struct, IElement
    {
        int k = k0 + (Group.IdxX / (TSize.Width / 4)), x = x0 + (4 * (Group.IdxX % (TSize.Width / 4)));
        return Float4.Load<TElement>(operand, ((long)k * depthStride) + x, k < end ? lines - x : 0, aligned);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSize>(ArrayView<Float4> tile, Float4 value)
        where TSize : struct, IGemmTileSize =>
        tile[(Group.IdxX / (TSize.Width / 4) * TSize.Row) + (Group.IdxX % (TSize.Width / 4))] = value;
}

/// <summary>
/// Steps of k are neighbours in memory: A of NN and NT, B of NT. A quadruple is four k of one line, transposed on its way.
/// </summary>
internal readonly struct DepthAdjacent : IGemmTileSource
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load<TSize, TElement>(ArrayView<float> operand, int lineStride, int depthStride, int x0, int lines, int k0,
        int end, bool aligned)
        where TSize : struct, IGemmTileSize
        where TElement : struct, IElement
    {
        int x = x0 + (Group.IdxX / (TSize.Depth / 4)), k = k0 + (4 * (Group.IdxX % (TSize.Depth / 4)));
        return Float4.Load<TElement>(operand, ((long)x * lineStride) + k, x < lines ? end - k : 0, aligned);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSize>(ArrayView<Float4> tile, Float4 value)
        where TSize : struct, IGemmTileSize
    {
        ArrayView<float> floats = tile.Cast<float>();
        int at = (16 * (Group.IdxX % (TSize.Depth / 4)) * TSize.Row) + (Group.IdxX / (TSize.Depth / 4));
        floats[at] = value.X;
        floats[at + (4 * TSize.Row)] = value.Y;
        floats[at + (8 * TSize.Row)] = value.Z;
        floats[at + (12 * TSize.Row)] = value.W;
    }
}
