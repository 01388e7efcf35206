using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>Where panels of B come from: B[k, j] of a product, however it is stored.</summary>
internal unsafe interface IPanelSource
{
    /// <summary>
    /// target[k·W + x] = B[k0 + k, j + x] for 0 ≤ k &lt; depth and x &lt; width ≤ 2·Lanes, as float32. W is 2·Lanes, or Lanes where width
    /// allows it; columns beyond width are zeros. j is a multiple of 2·Lanes.
    /// </summary>
    void Pack<TTile>(float* target, int j, int width, int k0, int depth)
        where TTile : struct, IGemmTile;
}

/// <summary>
/// Copies B into panels: items are panels. Panel p holds columns p·2·Lanes … of B from column j0, at target + p·2·Lanes·depth.
/// </summary>
internal readonly unsafe struct PackPanels<TTile, TSource>(TSource source, float* target, int j0, int columns, int k0, int depth) : IKernel
    where TTile : struct, IGemmTile
    where TSource : unmanaged, IPanelSource
{
    public void Run(int start, int end)
    {
        int panelWidth = 2 * TTile.Lanes;
        for (int panel = start; panel < end; panel++)
        {
            int j = panel * panelWidth;
            source.Pack<TTile>(target + ((nint)j * depth), j0 + j, Math.Min(panelWidth, columns - j), k0, depth);
        }
    }
}

/// <summary>A row-major B, or one that is stored transposed: B[k, j] = b[k·ldb + j], or b[j·ldb + k].</summary>
internal readonly unsafe struct RowMajor(float* b, nint ldb, bool transposed) : IPanelSource
{
    public void Pack<TTile>(float* target, int j, int width, int k0, int depth)
        where TTile : struct, IGemmTile
    {
        int lanes = TTile.Lanes, packedWidth = width > lanes ? 2 * lanes : lanes;
        if (!transposed)
        {
            CopyRows(b + (k0 * ldb) + j, target, width, packedWidth, depth);
            return;
        }

        for (int x = 0; x < packedWidth; x += lanes)
        {
            TransposeColumns<TTile>(b + ((j + x) * ldb) + k0, target + x, Math.Clamp(width - x, 0, lanes), packedWidth, depth);
        }
    }

    // t[k, x] = b[k, x]
    private void CopyRows(float* source, float* t, int width, int packedWidth, int depth)
    {
        for (int k = 0; k < depth; k++, source += ldb, t += packedWidth)
        {
            if (width == packedWidth)
            {
                for (int x = 0; x < width; x += Vector<float>.Count) Vector.Load(source + x).Store(t + x);
            }
            else
            {
                for (int x = 0; x < width; x++) t[x] = source[x];
                for (int x = width; x < packedWidth; x++) t[x] = 0;
            }
        }
    }

    // t[k, x] = b[x, k] for one vector of columns
    private void TransposeColumns<TTile>(float* source, float* t, int width, int packedWidth, int depth)
        where TTile : struct, IGemmTile
    {
        int lanes = TTile.Lanes, k = 0;
        if (width == lanes)
        {
            for (; k + lanes <= depth; k += lanes)
                TTile.Transpose<Float32>((byte*)(source + k), ldb, t + ((nint)k * packedWidth), packedWidth);
        }

        for (; k < depth; k++)
        {
            float* row = t + ((nint)k * packedWidth);
            for (int x = 0; x < width; x++) row[x] = source[(x * ldb) + k];
            for (int x = width; x < lanes; x++) row[x] = 0;
        }
    }
}

/// <summary>
/// A matrix w (N, K) that lies in panels of its own (<see cref="PackedMatrix"/>), widened on the way: B[k, j] = w[j, k] if transposed, so
/// that a panel is copied as it is; else B[k, j] = w[k, j], and a panel is put together from squares of theirs.
/// </summary>
internal readonly unsafe struct OfPanels<TElement>(byte* panels, int n, int k, bool transposed) : IPanelSource
    where TElement : struct, IElement
{
    public void Pack<TTile>(float* target, int j, int width, int k0, int depth)
        where TTile : struct, IGemmTile
    {
        int lanes = TTile.Lanes, packedWidth = width > lanes ? 2 * lanes : lanes;
        if (transposed)
        {
            byte* from = panels + ((((nint)j * k) + ((nint)k0 * packedWidth)) * TElement.Size);
            Widening.Copy<TElement>(from, target, (nint)depth * packedWidth);
            return;
        }

        // Rows k0 … of w, from one of its panels to the next.
        for (int row = k0; row < k0 + depth;)
        {
            int panelWidth = 2 * lanes, first = row / panelWidth * panelWidth, end = Math.Min(k0 + depth, first + panelWidth);
            int stride = n - first > lanes ? panelWidth : lanes;
            byte* panel = panels + ((((nint)first * k) + ((nint)j * stride)) * TElement.Size);
            PackRows<TTile>(panel, stride, target + ((nint)(row - k0) * packedWidth), row - first, end - first, width, packedWidth);
            row = end;
        }
    }

    // t[r − from, x] = panel[x, r] for from ≤ r < to
    private static void PackRows<TTile>(byte* panel, int stride, float* t, int from, int to, int width, int packedWidth)
        where TTile : struct, IGemmTile
    {
        int lanes = TTile.Lanes;
        for (int x = 0; x < packedWidth; x += lanes)
        {
            int columns = Math.Clamp(width - x, 0, lanes), r = from;
            byte* source = panel + ((nint)x * stride * TElement.Size);
            if (columns == lanes && to - from >= lanes)
            {
                for (; r < to; r += lanes)
                {
                    int at = Math.Min(r, to - lanes); // the last square may overlap the one before
                    TTile.Transpose<TElement>(source + (at * TElement.Size), stride, t + ((at - from) * packedWidth) + x, packedWidth);
                }

                continue;
            }

            for (; r < to; r++)
            {
                float* row = t + ((r - from) * packedWidth) + x;
                for (int c = 0; c < columns; c++) row[c] = TElement.Load(source + (((c * stride) + r) * TElement.Size));
                for (int c = columns; c < lanes; c++) row[c] = 0;
            }
        }
    }
}
