using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// The verbs as ILGPU kernels on a CUDA or OpenCL device. A verb puts its kernels into the device's queue and returns; only downloads wait.
/// Sums have a fixed order, so two runs on one device give the same bits.
/// </summary>
internal sealed partial class GpuBackend : IBackend
{
    private readonly GpuMachine machine;
    private Action? release;

    /// <summary>A backend on an opened machine.</summary>
    /// <param name="machine">Where it computes.</param>
    /// <param name="release">What to do when the backend is not needed any more.</param>
    public GpuBackend(GpuMachine machine, Action release) => (this.machine, this.release) = (machine, release);

    /// <inheritdoc/>
    public string Name => $"{machine.Device.Specification} ({machine.Device.Name})";

    /// <summary>The machine.</summary>
    internal GpuMachine Machine => machine;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long length) => machine.Allocate(length);

    /// <inheritdoc/>
    public DeviceBuffer AllocateMatrix(int rows, int columns, ElementType type) => machine.Allocate((long)rows * columns, type);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> rows, Storage to)
    {
        using GpuMachine.Turn turn = machine.Enter();
        machine.Upload(rows, Words(to));
    }

    /// <inheritdoc/>
    public long MemoryBytes => machine.Device.Memory > 0 ? machine.Device.Memory : long.MaxValue;

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> from, Storage to)
    {
        using GpuMachine.Turn turn = machine.Enter();
        machine.Upload(MemoryMarshal.AsBytes(from), F(to));
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<int> from, Storage to)
    {
        using GpuMachine.Turn turn = machine.Enter();
        machine.Upload(MemoryMarshal.AsBytes(from), F(to));
    }

    /// <inheritdoc/>
    public void Download(Storage from, Span<float> to)
    {
        using GpuMachine.Turn turn = machine.Enter();
        if (from.Type == ElementType.F32)
        {
            machine.Download(F(from), MemoryMarshal.AsBytes(to[..from.Length]));
            return;
        }

        ArrayView<float> widened = machine.Scratch(from.Length);
        Widen(from, widened);
        machine.Download(widened, MemoryMarshal.AsBytes(to[..from.Length]));
    }

    /// <inheritdoc/>
    public void Download(Storage from, Span<int> to)
    {
        using GpuMachine.Turn turn = machine.Enter();
        machine.Download(F(from), MemoryMarshal.AsBytes(to[..from.Length]));
    }

    /// <inheritdoc/>
    public void Copy(Storage from, Storage to)
    {
        if (from.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        if (from.Type == ElementType.F32) F(from).CopyTo(machine.Accelerator.DefaultStream, F(to).SubView(0, from.Length));
        else Widen(from, F(to).SubView(0, from.Length));
    }

    /// <summary>Starts kernels of one's own.</summary>
    public void Run<T>(Func<Accelerator, T> compile, Action<T> start)
        where T : class
    {
        using GpuMachine.Turn turn = machine.Enter();
        start(machine.Kernel(compile));
    }

    private void Widen(Storage from, ArrayView<float> to)
    {
        ArrayView<float> words = ((GpuBuffer)from.Buffer).View;
        if (from.Type == ElementType.BF16) Kernel(static a => new Widen<BFloat16>(a)).Run(words, from.Offset, to);
        else Kernel(static a => new Widen<Float16>(a)).Run(words, from.Offset, to);
    }

    private static ArrayView<float> F(Storage s) => s.Type == ElementType.F32
        ? ((GpuBuffer)s.Buffer).View.SubView(s.Offset, s.Length)
        : throw new NotSupportedException(
            $"A frozen weight of {s.Type.Name()} came where float32 is needed: it can be the right factor of a product and the table of an "
                + "embedding. "
            + "Load the model with trainable: true for float32.");

    // The 32-bit words of a matrix of any type, from an even element on.
    private static ArrayView<float> Words(Storage s)
    {
        int perWord = sizeof(float) / s.Type.Bytes();
        return ((GpuBuffer)s.Buffer).View.SubView(s.Offset / perWord, (s.Length + perWord - 1) / perWord);
    }

    private static ArrayView<float>? Optional(Storage s) => s.IsNone ? null : F(s);

    // Token ids lie in the same memory as numbers.
    private static ArrayView<int> I(Storage s) => F(s).Cast<int>();

    private T Kernel<T>(Func<Accelerator, T> compile)
        where T : class => machine.Kernel(compile);
}
