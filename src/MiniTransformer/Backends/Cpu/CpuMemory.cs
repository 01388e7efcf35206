using System.Runtime.InteropServices;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>
/// What the machine, or the container that the process is in, has of memory, and what all buffers of the process hold of it.
/// </summary>
internal static class CpuMemory
{
    private static long held;

    /// <summary>Bytes that there are.</summary>
    public static long Limit { get; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Counts memory before it is taken, and takes it.</summary>
    /// <exception cref="DeviceException">It is more than there is.</exception>
    public static T Take<T>(long bytes, Func<T> take)
    {
        try
        {
            if (Interlocked.Add(ref held, bytes) > Limit) throw new OutOfMemoryException();
            return take();
        }
        catch (OutOfMemoryException e)
        {
            long others = Interlocked.Add(ref held, -bytes);
            throw new DeviceException(
                $"the CPU's memory is too small: {DeviceException.Size(bytes)} more are needed, {DeviceException.Size(others)} are held, "
                    + $"and there are {DeviceException.Size(Limit)}; " +
                "lower the batch, the longest response or the model's size.", e);
        }
    }

    /// <summary>Counts memory that was given back.</summary>
    public static void Return(long bytes) => Interlocked.Add(ref held, -bytes);
}

/// <summary>Native memory, aligned to 64 bytes: activations never lie on the collector's heap.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private readonly long bytes;

    public CpuBuffer(long length)
        : base(length)
    {
        long wanted = checked(Math.Max(16, length) * sizeof(float));
        Pointer = (float*)CpuMemory.Take(wanted, () => (nint)NativeMemory.AlignedAlloc((nuint)wanted, 64));
        bytes = wanted;
    }

    ~CpuBuffer() => Free();

    public float* Pointer { get; private set; }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Pointer == null) return;
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        CpuMemory.Return(bytes);
    }
}

/// <summary>A matrix that is only read: its one copy is laid out as the products of few rows read it.</summary>
internal sealed class CpuMatrix : DeviceBuffer
{
    private bool returned;

    public CpuMatrix(int rows, int columns, ElementType type)
        : base((long)rows * columns, type)
    {
        Bytes = PackedMatrix.BytesOf(rows, columns, type.Bytes());
        Packed = CpuMemory.Take(Bytes, () => type switch
        {
            ElementType.BF16 => PackedMatrix.Of<BFloat16>(rows, columns),
            ElementType.F16 => PackedMatrix.Of<Float16>(rows, columns),
            _ => PackedMatrix.Of<Float32>(rows, columns),
        });
    }

    ~CpuMatrix() => Return();

    public override long Bytes { get; }

    public PackedMatrix Packed { get; }

    public override void Dispose()
    {
        Packed.Dispose();
        Return();
        GC.SuppressFinalize(this);
    }

    private void Return()
    {
        if (returned || Packed is null) return;
        returned = true;
        CpuMemory.Return(Bytes);
    }
}
