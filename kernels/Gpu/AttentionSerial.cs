using System.Runtime.CompilerServices;
using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// What the attention kernels for devices that compute on a CPU are made of: groups of one work item, which shares its memory with nobody,
/// and products whose 4×16 results stay in eight <see cref="Float8"/>, that is in eight vectors.
/// </summary>
internal static class AttentionSerial
{
    /// <summary>Rows and columns of a tile of scores.</summary>
    public const int Size = 32;

    /// <summary>Components of a head that are packed at a time.</summary>
    public const int Depth = 64;

    /// <summary>Columns of a product's block.</summary>
    public const int Width = 16;

    /// <summary>
    /// c[r, ·] += Σₙ a[r, n] b[n, ·] for four rows, 16 columns and n &lt; length. Element (r, n) of a lies at from + r·row + n·step; rows
    /// past the last repeat it. Row n of b starts at start + n·stride.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(ArrayView<float> a, long from, int row, int step, int last, ArrayView<float> b, long start, int stride,
        int length, ref Block c)
    {
        long a0 = from, a1 = a0 + (last > 0 ? row : 0), a2 = a1 + (last > 1 ? row : 0), a3 = a2 + (last > 2 ? row : 0);
        for (int n = 0; n < length; n++)
        {
            long at = start + (long)n * stride, along = (long)n * step;
            Float8 left = Lanes.Load(b, at), right = Lanes.Load(b, at + 8);
            float x0 = a[a0 + along], x1 = a[a1 + along], x2 = a[a2 + along], x3 = a[a3 + along];
            Float8.MultiplyAdd(x0, left, ref c.Left0);
            Float8.MultiplyAdd(x0, right, ref c.Right0);
            Float8.MultiplyAdd(x1, left, ref c.Left1);
            Float8.MultiplyAdd(x1, right, ref c.Right1);
            Float8.MultiplyAdd(x2, left, ref c.Left2);
            Float8.MultiplyAdd(x2, right, ref c.Right2);
            Float8.MultiplyAdd(x3, left, ref c.Left3);
            Float8.MultiplyAdd(x3, right, ref c.Right3);
        }
    }

    /// <summary>The same for one row and one column: what is left at the end of a head whose size is no multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(ArrayView<float> a, long from, int step, ArrayView<float> b, long start, int stride, int length)
    {
        float sum = 0f;
        for (int n = 0; n < length; n++) sum += a[from + (long)n * step] * b[start + (long)n * stride];
        return sum;
    }

    /// <summary>to[r, d] = factorᵣ · to[r, d] + Σₙ a[r, n] b[n, d] for up to four rows of a head and all its D components.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProduct(
        ArrayView<float> a, long from, int row, int step, int rows, ArrayView<float> b, long start, int stride, int length, Float4 factor,
        ArrayView<float> to, long at, int toStride, int D)
    {
        int d = 0;
        for (; d <= D - Width; d += Width)
        {
            Block c = default;
            Multiply(a, from, row, step, rows - 1, b, start + d, stride, length, ref c);
            AddScaled(to, at + d, factor.X, c.Left0, c.Right0);
            if (rows > 1) AddScaled(to, at + toStride + d, factor.Y, c.Left1, c.Right1);
            if (rows > 2) AddScaled(to, at + 2L * toStride + d, factor.Z, c.Left2, c.Right2);
            if (rows > 3) AddScaled(to, at + 3L * toStride + d, factor.W, c.Left3, c.Right3);
        }

        for (; d < D; d++)
        {
            AddScaled(to, at + d, factor.X, Multiply(a, from, step, b, start + d, stride, length));
            if (rows > 1) AddScaled(to, at + toStride + d, factor.Y, Multiply(a, from + row, step, b, start + d, stride, length));
            if (rows > 2) AddScaled(to, at + 2L * toStride + d, factor.Z, Multiply(a, from + 2L * row, step, b, start + d, stride, length));
            if (rows > 3) AddScaled(to, at + 3L * toStride + d, factor.W, Multiply(a, from + 3L * row, step, b, start + d, stride, length));
        }
    }

    /// <summary>
    /// panel[d − from, r] = x[start + r·stride + d] for rows r of a tile and from ≤ d &lt; from + depth; 0 past the rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pack(ArrayView<float> x, long start, int stride, int rows, int from, int depth, ArrayView<float> panel)
    {
        for (int r = 0; r < Size; r++)
        {
            long row = start + (long)(r < rows ? r : 0) * stride + from;
            for (int d = 0; d < depth; d++) panel[d * Size + r] = r < rows ? x[row + d] : 0f;
        }
    }

    /// <summary>
    /// scores[r, j] = Σ_d x[r, d] panel[d, j] for four rows and all columns of a tile, or += where more components came before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scores(
        ArrayView<float> x, long start, int stride, int rows, int from, int depth, ArrayView<float> panel, int columns,
        ArrayView<float> scores, int at)
    {
        for (int j = 0; j < columns; j += Width)
        {
            Block c = default;
            Multiply(x, start + from, stride, 1, rows - 1, panel, j, Size, depth, ref c);
            float before = from > 0 ? 1f : 0f;
            AddScaled(scores, at + j, before, c.Left0, c.Right0);
            AddScaled(scores, at + Size + j, before, c.Left1, c.Right1);
            AddScaled(scores, at + 2 * Size + j, before, c.Left2, c.Right2);
            AddScaled(scores, at + 3 * Size + j, before, c.Left3, c.Right3);
        }
    }

    // What was there may be anything where the factor is 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(ArrayView<float> to, long at, float factor, Float8 left, Float8 right)
    {
        if (factor != 0f)
        {
            Float8.MultiplyAdd(factor, Lanes.Load(to, at), ref left);
            Float8.MultiplyAdd(factor, Lanes.Load(to, at + 8), ref right);
        }

        left.Store(to, at);
        right.Store(to, at + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(ArrayView<float> to, long at, float factor, float value) =>
        to[at] = factor != 0f ? factor * to[at] + value : value;

    /// <summary>A 4×16 block of a product.</summary>
    public struct Block
    {
        /// <summary>Row by row, columns 0 to 7 and 8 to 15.</summary>
        public Float8 Left0, Right0, Left1, Right1, Left2, Right2, Left3, Right3;
    }
}
