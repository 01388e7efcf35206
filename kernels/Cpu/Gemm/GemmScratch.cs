using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// A thread's native buffer for packed panels: it grows to the largest size asked for, is used again by every later call, and goes with its
/// thread. Its contents do not outlive the call that fills it.
/// </summary>
internal sealed unsafe class GemmScratch
{
    [ThreadStatic] private static GemmScratch? panelsOfB;
    [ThreadStatic] private static GemmScratch? tilesOfA;

    private float* data;
    private long capacity;

    ~GemmScratch() => NativeMemory.AlignedFree(data);

    /// <summary>This thread's buffer for panels of B, which the caller packs and all workers read.</summary>
    public static float* ForB(long floats) => (panelsOfB ??= new GemmScratch()).Reserve(floats);

    /// <summary>This thread's buffer for tiles of A, which each thread packs for itself.</summary>
    public static float* ForA(long floats) => (tilesOfA ??= new GemmScratch()).Reserve(floats);

    private float* Reserve(long floats)
    {
        if (floats > capacity)
        {
            NativeMemory.AlignedFree(data);
            data = null;
            capacity = 0;
            data = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
            capacity = floats;
        }

        return data;
    }
}
