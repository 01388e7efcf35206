using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// Working memory of a kernel: one native block a thread, 64-byte aligned, grown when a kernel asks for more than any did before,
/// and freed when its thread has ended. Its content is undefined, and the next request on the same thread takes it over.
/// </summary>
internal sealed unsafe class NativeScratch
{
    [ThreadStatic]
    private static NativeScratch? current;

    private void* memory;
    private long bytes;

    /// <summary>Frees the block of a thread that has ended.</summary>
    ~NativeScratch() => NativeMemory.AlignedFree(memory);

    /// <summary>At least <paramref name="bytes"/> bytes, the calling thread's until it asks again.</summary>
    public static void* Rent(long bytes)
    {
        NativeScratch own = current ??= new NativeScratch();
        if (own.bytes < bytes)
        {
            NativeMemory.AlignedFree(own.memory);
            own.memory = null;
            own.bytes = 0;
            own.memory = NativeMemory.AlignedAlloc((nuint)bytes, 64);
            own.bytes = bytes;
        }

        return own.memory;
    }
}
