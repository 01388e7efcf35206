using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Attention of one token a row against the cache: row r of q, (H, D), attends to tokens 0 .. positions[r] of sequence slots[r], or the
/// last Window of them; see <see cref="CacheAppend"/> for the layout. Cache memory past the position may hold anything. Against a work item
/// an element, which forms every score D times: a group has one head of one row, scores 128 keys at a time, one a work item, and then sums
/// the values by columns.
/// </summary>
internal sealed class AttentionDecode(Accelerator accelerator)
{
    private const int Items = 128;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>,
        ArrayView<float>, CacheSize, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>,
            ArrayView<float>, CacheSize, int>(Kernel);

    /// <summary>
    /// The kernel, for up to `columns` components (a power of two up to 128) a group; the parts of the keys are Items / columns.
    /// </summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions,
        ArrayView<float> y, CacheSize s,
        int columns)
    {
        ArrayView<float> weights = SharedMemory.Allocate<float>(Items);
        int chunks = (s.D + columns - 1) / columns, item = Grid.IdxX / chunks, lane = Group.IdxX, parts = Items / columns;
        int r = item / s.H, h = item % s.H, part = lane / columns, d = Grid.IdxX % chunks * columns + lane % columns;
        long query = (long)item * s.D, head = s.Head(slots[r], h / (s.H / s.Hkv));
        int visible = positions[r] + 1;
        float max = OnlineSum.Least, sum = 0f, value = 0f;
        for (int j0 = s.First(visible); j0 < visible; j0 += Items)
        {
            int j = j0 + lane, seen = XMath.Min(Items, visible - j0);
            float score = j < visible ? s.Scale * Product(q, query, cacheK, head + s.Key(j), s.D) : float.NegativeInfinity;
            float top = Lanes.Larger(max, RowTeam.Max(score, Items)), shrink = Lanes.Exp(max - top), weight = Lanes.Exp(score - top);
            max = top;
            sum = sum * shrink + weight;
            weights[lane] = weight;
            Group.Barrier();
            value *= shrink;
            if (d < s.D)
            {
                long at = head + (long)j0 * s.D + d;
                for (int n = part; n < seen; n += parts) value += weights[n] * cacheV[at + (long)n * s.D];
            }

            Group.Barrier(); // all have read before the next weights come
        }

        // The parts of a column, in order.
        sum = RowTeam.Sum(sum, Items);
        weights[lane] = value;
        Group.Barrier();
        if (part != 0 || d >= s.D) return;
        for (int n = 1; n < parts; n++) value += weights[n * columns + lane];
        y[query + d] = value / sum;
    }

    /// <summary>Starts it.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions,
        ArrayView<float> y, CacheSize s)
    {
        int columns = 4;
        while (columns < Items && columns < s.D) columns *= 2;
        long chunks = (s.D + columns - 1) / columns;
        kernel(Launch.Groups(s.Rows * s.H * chunks, Items), q, cacheK, cacheV, slots, positions, y, s, columns);
    }

    // ⟨q, k⟩ with four sums, so that four loads are under way.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Product(ArrayView<float> q, long query, ArrayView<float> cacheK, long key, int D)
    {
        const int Panel = CacheSize.Panel;
        float s0 = 0f, s1 = 0f, s2 = 0f, s3 = 0f;
        int d = 0;
        for (; d <= D - 4; d += 4)
        {
            long at = key + (long)d * Panel;
            s0 += q[query + d] * cacheK[at];
            s1 += q[query + d + 1] * cacheK[at + Panel];
            s2 += q[query + d + 2] * cacheK[at + 2 * Panel];
            s3 += q[query + d + 3] * cacheK[at + 3 * Panel];
        }

        for (; d < D; d++) s0 += q[query + d] * cacheK[key + (long)d * Panel];
        return (s0 + s1) + (s2 + s3);
    }
}
