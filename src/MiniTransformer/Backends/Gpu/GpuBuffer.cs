using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Backends.Gpu;

/// <summary>A block of a device's memory, in 32-bit words: elements of 16 bits lie two to a word.</summary>
internal sealed class GpuBuffer(GpuMachine machine, MemoryBuffer1D<float, Stride1D.Dense> block, long length,
    ElementType type = ElementType.F32) : DeviceBuffer(length, type)
{
    private MemoryBuffer1D<float, Stride1D.Dense>? block = block;

    /// <summary>What kernels read and write.</summary>
    public ArrayView<float> View => block!.View;

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (block is null) return;
        machine.Return(block);
        block = null;
    }
}
