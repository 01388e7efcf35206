using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// <see cref="AttentionDecode"/> for devices that compute on a CPU: a work item has one head of one row, and scores 64 keys at a time, 16
/// in two vectors.
/// </summary>
internal sealed class AttentionDecodeSerial(Accelerator accelerator)
{
    private const int Size = 64, Panel = CacheSize.Panel;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>,
        ArrayView<float>, CacheSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>,
            ArrayView<float>, CacheSize>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions,
        ArrayView<float> y, CacheSize s)
    {
        ArrayView<float> weights = SharedMemory.Allocate<float>(Size);
        int item = Grid.IdxX, r = item / s.H, h = item % s.H, visible = positions[r] + 1;
        long row = (long)item * s.D, head = s.Head(slots[r], h / (s.H / s.Hkv));
        float max = OnlineSum.Least, sum = 0f;
        int first = s.First(visible), begin = first / Panel * Panel;
        for (int j0 = begin; j0 < visible; j0 += Size)
        {
            int seen = XMath.Min(Size, visible - j0);
            for (int j = 0; j < seen; j += Panel) Scores(q, row, cacheK, head + (long)(j0 + j) * s.D, s.D, weights, j);
            for (int j = j0; j < first; j++) weights[j - j0] = float.NegativeInfinity; // before the window, less than a panel
            float top = max;
            for (int j = 0; j < seen; j++) top = Lanes.Larger(top, s.Scale * weights[j]);
            for (int j = seen; j < Size; j++) weights[j] = float.NegativeInfinity;
            float shrink = j0 > begin ? Lanes.Exp(max - top) : 0f;
            sum *= shrink;
            max = top;
            for (int j = 0; j < Size; j += 8)
            {
                Float8 weight = Lanes.Exp(Lanes.AddScaled(-top, s.Scale, Lanes.Load(weights, j)));
                weight.Store(weights, j);
                sum += weight.Sum();
            }

            AddValues(weights, seen, cacheV, head + (long)j0 * s.D, shrink, y, row, s.D);
        }

        for (int d = 0; d < s.D; d++) y[row + d] /= sum;
    }

    /// <summary>Starts it.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions,
        ArrayView<float> y, CacheSize s) =>
        kernel(Launch.Groups((long)s.Rows * s.H, 1), q, cacheK, cacheV, slots, positions, y, s);

    // The 16 products of a panel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scores(ArrayView<float> q, long row, ArrayView<float> cacheK, long panel, int D, ArrayView<float> scores, int at)
    {
        Float8 left = default, right = default;
        for (int d = 0; d < D; d++)
        {
            long line = panel + (long)d * Panel;
            Float8.MultiplyAdd(q[row + d], Lanes.Load(cacheK, line), ref left);
            Float8.MultiplyAdd(q[row + d], Lanes.Load(cacheK, line + 8), ref right);
        }

        left.Store(scores, at);
        right.Store(scores, at + 8);
    }

    // y = shrink · y + Σⱼ weightⱼ vⱼ; what was in y may be anything where shrink is 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddValues(ArrayView<float> weights, int seen, ArrayView<float> cacheV, long values, float shrink,
        ArrayView<float> y, long row, int D)
    {
        int d = 0;
        for (; d <= D - 16; d += 16)
        {
            Float8 left = default, right = default;
            if (shrink != 0f)
            {
                left = Lanes.AddScaled(0f, shrink, Lanes.Load(y, row + d));
                right = Lanes.AddScaled(0f, shrink, Lanes.Load(y, row + d + 8));
            }

            for (int j = 0; j < seen; j++)
            {
                long at = values + (long)j * D + d;
                Float8.MultiplyAdd(weights[j], Lanes.Load(cacheV, at), ref left);
                Float8.MultiplyAdd(weights[j], Lanes.Load(cacheV, at + 8), ref right);
            }

            left.Store(y, row + d);
            right.Store(y, row + d + 8);
        }

        for (; d < D; d++)
        {
            float value = shrink != 0f ? shrink * y[row + d] : 0f;
            for (int j = 0; j < seen; j++) value += weights[j] * cacheV[values + (long)j * D + d];
            y[row + d] = value;
        }
    }
}
