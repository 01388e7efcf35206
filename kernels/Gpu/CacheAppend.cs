using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Writes row r of k and v, (Hkv, D), into the cache at token positions[r] of sequence slots[r]. The cache holds keys as
/// [slot][Hkv][context/16][D][16], so that neighbouring keys are neighbours in memory, and values as [slot][Hkv][context][D]; context is a
/// multiple of 16.
/// </summary>
internal sealed class CacheAppend(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>,
        ArrayView<float>, CacheSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>,
            ArrayView<float>, CacheSize>(Kernel);

    /// <summary>The kernel; a work item a component of a key and of a value.</summary>
    public static void Kernel(
        ArrayView<float> k, ArrayView<float> v, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> cacheK,
        ArrayView<float> cacheV, CacheSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.Rows * s.Hkv * s.D) return;
        int d = item % s.D, h = item / s.D % s.Hkv, r = item / s.D / s.Hkv, t = positions[r];
        long head = s.Head(slots[r], h);
        cacheK[head + s.Key(t) + d * CacheSize.Panel] = k[item];
        cacheV[head + (long)t * s.D + d] = v[item];
    }

    /// <summary>Starts it.</summary>
    public void Run(
        ArrayView<float> k, ArrayView<float> v, ArrayView<int> slots, ArrayView<int> positions, ArrayView<float> cacheK,
        ArrayView<float> cacheV, CacheSize s) =>
        kernel(Launch.Items((long)s.Rows * s.Hkv * s.D), k, v, slots, positions, cacheK, cacheV, s);
}

/// <summary>Sizes of a key/value cache and of the rows that are written to it or attend to it.</summary>
internal readonly record struct CacheSize(int Rows, int H, int Hkv, int D, int Context, float Scale, int Window = int.MaxValue)
{
    /// <summary>Keys that lie side by side.</summary>
    internal const int Panel = 16;

    /// <summary>The first of the visible positions that the window leaves; the largest int is no window.</summary>
    internal int First(int visible) => visible > Window ? visible - Window : 0;

    /// <summary>Where the keys, and the values, of a head of a slot start.</summary>
    internal long Head(int slot, int hkv) => ((long)slot * Hkv + hkv) * Context * D;

    /// <summary>Where the first component of a key lies; the others follow 16 apart.</summary>
    internal long Key(int position) => (long)(position / Panel) * Panel * D + position % Panel;
}
