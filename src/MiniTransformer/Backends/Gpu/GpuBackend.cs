using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

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
        machine.Download(F(from), MemoryMarshal.AsBytes(to[..from.Length]));
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
        F(from).CopyTo(machine.Accelerator.DefaultStream, F(to).SubView(0, from.Length));
    }

    /// <summary>Starts kernels of one's own.</summary>
    public void Run<T>(Func<Accelerator, T> compile, Action<T> start)
        where T : class
    {
        using GpuMachine.Turn turn = machine.Enter();
        start(machine.Kernel(compile));
    }

    private static ArrayView<float> F(Storage s) => ((GpuBuffer)s.Buffer).View.SubView(s.Offset, s.Length);

    private static ArrayView<float>? Optional(Storage s) => s.IsNone ? null : F(s);

    // Token ids lie in the same memory as numbers.
    private static ArrayView<int> I(Storage s) => F(s).Cast<int>();

    private T Kernel<T>(Func<Accelerator, T> compile)
        where T : class => machine.Kernel(compile);
}
