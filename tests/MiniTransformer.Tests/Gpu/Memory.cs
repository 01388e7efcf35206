using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// Memory of an accelerator for one operand of a kernel, between two guards that must be whole when it is disposed of: a kernel that writes
/// past an end fails its test, and one that reads past it meets NaN.
/// </summary>
internal sealed class Memory<T> : IDisposable
    where T : unmanaged
{
    private const int Guard = 16;
    private readonly MemoryBuffer1D<T, Stride1D.Dense> memory;
    private readonly int length;

    public Memory(Accelerator accelerator, params T[] values)
    {
        length = values.Length;
        var all = new T[length + 2 * Guard];
        MemoryMarshal.AsBytes(all.AsSpan()).Fill(0xFF);
        values.CopyTo(all, Guard);
        memory = accelerator.Allocate1D(all);
    }

    public static implicit operator ArrayView<T>(Memory<T> memory) => ((ArrayView<T>)memory.memory.View).SubView(Guard, memory.length);

    public T[] ToArray() => memory.GetAsArray1D()[Guard..(Guard + length)];

    public void Dispose()
    {
        T[] all = memory.GetAsArray1D();
        memory.Dispose();
        Assert.True(MemoryMarshal.AsBytes(all.AsSpan(0, Guard)).IndexOfAnyExcept((byte)0xFF) < 0, "A kernel wrote before the start.");
        Assert.True(MemoryMarshal.AsBytes(all.AsSpan(Guard + length)).IndexOfAnyExcept((byte)0xFF) < 0, "A kernel wrote past the end.");
    }
}
