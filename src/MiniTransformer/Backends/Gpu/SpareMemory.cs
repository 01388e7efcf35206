using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// The memory of a device. Blocks that come back are kept, because drivers are slow to allocate and may wait for the device: a request
/// takes the smallest kept block that is large enough and not more than twice as large.
/// </summary>
internal sealed class SpareMemory(Accelerator accelerator, GpuDevice device) : IDisposable
{
    private const long Granularity = 1024; // elements

    private readonly List<MemoryBuffer1D<float, Stride1D.Dense>> blocks = [];
    private long allocated; // bytes taken from the driver and not given back

    /// <summary>Blocks taken from the driver so far.</summary>
    public int Allocations { get; private set; }

    /// <summary>A block of at least the given number of elements.</summary>
    /// <exception cref="DeviceException">The device has not enough.</exception>
    public MemoryBuffer1D<float, Stride1D.Dense> Take(long length)
    {
        long wanted = Math.Max(1, (length + Granularity - 1) / Granularity) * Granularity;
        int best = -1;
        for (int i = 0; i < blocks.Count; i++)
        {
            long size = blocks[i].Length;
            if (size >= wanted && size <= 2 * wanted && (best < 0 || size < blocks[best].Length)) best = i;
        }

        if (best < 0) return Allocate(wanted);
        MemoryBuffer1D<float, Stride1D.Dense> block = blocks[best];
        blocks.RemoveAt(best);
        return block;
    }

    /// <summary>Keeps a block.</summary>
    public void Return(MemoryBuffer1D<float, Stride1D.Dense> block) => blocks.Add(block);

    /// <summary>Gives all kept blocks back to the driver.</summary>
    public void Dispose()
    {
        foreach (MemoryBuffer1D<float, Stride1D.Dense> block in blocks)
        {
            allocated -= block.LengthInBytes;
            block.Dispose();
        }

        blocks.Clear();
    }

    private MemoryBuffer1D<float, Stride1D.Dense> Allocate(long length)
    {
        long bytes = length * sizeof(float);
        try
        {
            if (device.Memory > 0 && allocated + bytes > device.Memory) Dispose();
            if (device.Memory > 0 && allocated + bytes > device.Memory) throw TooMuch(bytes, null);
            MemoryBuffer1D<float, Stride1D.Dense> block = FromDriver(length);
            allocated += bytes;
            Allocations++;
            return block;
        }
        catch (AcceleratorException e)
        {
            throw TooMuch(bytes, e);
        }
    }

    // A driver may refuse for what other programs hold: then what is kept here goes back to it first.
    private MemoryBuffer1D<float, Stride1D.Dense> FromDriver(long length)
    {
        try
        {
            return accelerator.Allocate1D<float>(length);
        }
        catch (AcceleratorException) when (blocks.Count > 0)
        {
            Dispose();
            return accelerator.Allocate1D<float>(length);
        }
    }

    private DeviceException TooMuch(long bytes, Exception? cause)
    {
        string message = $"{device.Specification} ({device.Name}) has not enough memory: {Mebibytes(bytes)} more were asked for, "
            + $"{Mebibytes(allocated)} of its {Mebibytes(device.Memory)} are in use here. " +
            "Lower the batch, or compute it in micro-batches; lower the longest response or the model's size; or compute activations twice "
                + "instead of keeping them (Recompute).";
        return cause is null ? new DeviceException(message) : new DeviceException(message, cause);
    }

    private static string Mebibytes(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:F1} MiB");
}
