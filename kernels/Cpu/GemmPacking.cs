using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Copies B into panels: items are panels. Panel p holds columns p·W … of B, W = 2·Lanes, as depth rows of W floats, at target + p·W·depth.
/// A last panel of at most Lanes columns has rows of Lanes floats; columns beyond the matrix are zeros.
/// </summary>
internal readonly unsafe struct PackPanels<TTile>(float* b, nint ldb, bool transposed, float* target, int columns, int depth) : IKernel
    where TTile : struct, IGemmTile
{
    public void Run(int start, int end)
    {
        int lanes = TTile.Lanes, panelWidth = 2 * lanes;
        for (int panel = start; panel < end; panel++)
        {
            int j = panel * panelWidth, width = Math.Min(panelWidth, columns - j);
            int packedWidth = width > lanes ? panelWidth : lanes;
            float* t = target + ((nint)panel * panelWidth * depth);
            if (!transposed)
            {
                CopyRows(b + j, t, width, packedWidth);
                continue;
            }

            for (int x = 0; x < packedWidth; x += lanes)
            {
                TransposeColumns(b + ((j + x) * ldb), t + x, Math.Clamp(width - x, 0, lanes), packedWidth);
            }
        }
    }

    // t[k, x] = b[k, x]
    private void CopyRows(float* source, float* t, int width, int packedWidth)
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
    private void TransposeColumns(float* source, float* t, int width, int packedWidth)
    {
        int lanes = TTile.Lanes, k = 0;
        if (width == lanes)
        {
            for (; k + lanes <= depth; k += lanes) TTile.Transpose(source + k, ldb, t + ((nint)k * packedWidth), packedWidth);
        }

        for (; k < depth; k++)
        {
            float* row = t + ((nint)k * packedWidth);
            for (int x = 0; x < width; x++) row[x] = source[(x * ldb) + k];
            for (int x = width; x < lanes; x++) row[x] = 0;
        }
    }
}
