using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// <see cref="AttentionForward"/> for devices that compute on a CPU, where a work item is a piece of a loop and a barrier ends it: a work
/// item has 32 queries of one head to itself, and passes over the keys 32 at a time with the online softmax.
/// </summary>
internal sealed class AttentionForwardSerial(Accelerator accelerator)
{
    private const int Size = AttentionSerial.Size;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<int>, AttentionShape> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<int>, AttentionShape>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<int> starts,
        AttentionShape s)
    {
        // kᵀ (64, 32), scores (32, 32); of every row the maximum so far, Σ e^(s − m), and the factor of what was summed before.
        ArrayView<float> panel = SharedMemory.Allocate<float>(AttentionSerial.Depth * Size),
            scores = SharedMemory.Allocate<float>(Size * Size);
        ArrayView<float> maxima = SharedMemory.Allocate<float>(Size), sums = SharedMemory.Allocate<float>(Size),
            shrink = SharedMemory.Allocate<float>(Size);
        int tiles = s.Tiles(Size), h = Grid.IdxX / tiles, queryStride = s.H * s.D, keyStride = s.Hkv * s.D;
        SequenceTile tile = SequenceTile.Of(starts, Grid.IdxX % tiles, Size, true, s);
        int i0 = tile.First, queries = XMath.Min(Size, tile.T - i0);
        if (queries <= 0) return;
        long query = ((long)(tile.Start + i0) * s.H + h) * s.D, key = ((long)tile.Start * s.Hkv + h / (s.H / s.Hkv)) * s.D;
        for (int r = 0; r < Size; r++)
        {
            maxima[r] = float.NegativeInfinity;
            sums[r] = 0f;
        }

        for (int j0 = s.FirstTile(i0, Size); j0 <= i0; j0 += Size)
        {
            long from = key + (long)j0 * keyStride;
            int seen = XMath.Min(Size, tile.T - j0), columns = seen > AttentionSerial.Width ? Size : AttentionSerial.Width;
            for (int d = 0; d < s.D; d += AttentionSerial.Depth)
            {
                int depth = XMath.Min(AttentionSerial.Depth, s.D - d);
                AttentionSerial.Pack(k, from, keyStride, seen, d, depth, panel);
                for (int r = 0; r < queries; r += 4)
                    AttentionSerial.Scores(q, query + (long)r * queryStride, queryStride, queries - r, d, depth, panel, columns, scores,
                        r * Size);
            }

            for (int r = 0; r < queries; r++)
                Softmax(scores, r, i0 + r - s.Window + 1 - j0, XMath.Min(seen, i0 + r + 1 - j0), s.Scale, maxima, sums, shrink);

            for (int r = 0; r < queries; r += 4)
            {
                Float4 factor = AttentionTile.Four(shrink[r], shrink[r + 1], shrink[r + 2], shrink[r + 3]);
                int rows = XMath.Min(4, queries - r), length = XMath.Min(seen, i0 + r + rows - j0);
                AttentionSerial.AddProduct(scores, r * Size, Size, 1, rows, v, from, keyStride, length, factor, y,
                    query + (long)r * queryStride, queryStride, s.D);
            }
        }

        for (int r = 0; r < queries; r++)
        {
            float inverse = 1f / sums[r];
            for (int d = 0; d < s.D; d++) y[query + (long)r * queryStride + d] *= inverse;
            logSum[(long)h * s.N + tile.Start + i0 + r] = maxima[r] + XMath.Log(sums[r]);
        }
    }

    /// <summary>Starts it; starts has B + 1 numbers.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<int> starts,
        AttentionShape s) =>
        kernel(Launch.Groups((long)s.Tiles(Size) * s.H, 1), q, k, v, y, logSum, starts, s);

    // Scores to e^(scale · score − m) with the new maximum m of the row; 0 before column `first` and from column `visible` on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Softmax(ArrayView<float> scores, int row, int first, int visible, float scale, ArrayView<float> maxima,
        ArrayView<float> sums, ArrayView<float> shrink)
    {
        float max = maxima[row];
        for (int j = 0; j < XMath.Min(first, visible); j++) scores[row * Size + j] = float.NegativeInfinity;
        for (int j = XMath.Max(0, first); j < visible; j++) max = XMath.Max(max, scale * scores[row * Size + j]);
        for (int j = visible; j < Size; j++) scores[row * Size + j] = float.NegativeInfinity;
        float sum = 0f;
        for (int j = 0; j < Size; j += 8)
        {
            Float8 p = Lanes.Exp(Lanes.AddScaled(-RowRuns.Finite(max), scale, Lanes.Load(scores, row * Size + j)));
            p.Store(scores, row * Size + j);
            sum += p.Sum();
        }

        float factor = maxima[row] > float.NegativeInfinity ? XMath.Exp(maxima[row] - max) : 0f;
        shrink[row] = factor;
        sums[row] = sums[row] * factor + sum;
        maxima[row] = max;
    }
}
