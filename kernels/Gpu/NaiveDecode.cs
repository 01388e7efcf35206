using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>Writes row r of k and v, (Hkv, D), to position positions[r] of sequence slots[r] of a cache [slot][Hkv][context][D]; a negative position is skipped.</summary>
public sealed class CacheAppend(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>, CacheSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>, CacheSize>(Kernel);

    /// <summary>The kernel; a work item an element.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> cache, CacheSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.Rows * s.Hkv * s.D) return;
        int d = item % s.D, h = item / s.D % s.Hkv, r = item / s.D / s.Hkv, t = positions[r];
        if (t >= 0) cache[s.At(slots[r], h, t) + d] = x[item];
    }

    /// <summary>Starts it for keys and values.</summary>
    public void Run(ArrayView<float> k, ArrayView<float> v, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> cacheK, ArrayView<float> cacheV, CacheSize s)
    {
        kernel(Launch.Items((long)s.Rows * s.Hkv * s.D), k, slots, positions, cacheK, s);
        kernel(Launch.Items((long)s.Rows * s.Hkv * s.D), v, slots, positions, cacheV, s);
    }
}

/// <summary>Attention of one token a row against the cache, the plain way: a work item an element of the result. A negative position gives 0.</summary>
public sealed class NaiveDecode(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>, CacheSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>, CacheSize>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(
        ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> y, CacheSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.Rows * s.H * s.D) return;
        int d = item % s.D, h = item / s.D % s.H, r = item / s.D / s.H, hkv = h / (s.H / s.Hkv);
        float max = float.NegativeInfinity, sum = 0f, value = 0f;
        for (int j = 0; j <= positions[r]; j++)
        {
            float score = 0f;
            for (int i = 0; i < s.D; i++) score += q[(r * s.H + h) * s.D + i] * cacheK[s.At(slots[r], hkv, j) + i];
            score *= s.Scale;
            float larger = XMath.Max(max, score), factor = XMath.Exp(max - larger), weight = XMath.Exp(score - larger);
            sum = sum * factor + weight;
            value = value * factor + weight * cacheV[s.At(slots[r], hkv, j) + d];
            max = larger;
        }

        y[item] = positions[r] < 0 ? 0f : value / sum;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> q, ArrayView<float> cacheK, ArrayView<float> cacheV, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> y, CacheSize s) =>
        kernel(Launch.Items((long)s.Rows * s.H * s.D), q, cacheK, cacheV, slots, positions, y, s);
}

/// <summary>Sizes of a key/value cache and of the rows that are written to it or attend to it.</summary>
public readonly record struct CacheSize(int Rows, int H, int Hkv, int D, int Context, float Scale)
{
    internal long At(int slot, int hkv, int position) => (((long)slot * Hkv + hkv) * Context + position) * D;
}
