using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// An opened accelerator with what is shared by all that compute on it: compiled kernels, spare memory, staging memory. Work is submitted
/// to one in-order queue by one thread at a time: see <see cref="Enter"/>. Disposed of in the order memory, accelerator; the context
/// outlives it.
/// </summary>
internal sealed class GpuMachine : IDisposable
{
    private const int StagingBytes = 4 << 20;

    private readonly object gate = new();
    private readonly Dictionary<Type, object> kernels = [];
    private readonly SpareMemory spare;
    private readonly unsafe byte* staging;
    private int staged;             // bytes of the staging memory that copies under way may still read
    private MemoryBuffer1D<float, Stride1D.Dense>? scratch;

    /// <summary>Opens a device.</summary>
    public GpuMachine(GpuContext context, GpuDevice device)
        : this(device, context.Open(device))
    {
    }

    /// <summary>Takes over an opened accelerator.</summary>
    internal unsafe GpuMachine(GpuDevice device, Accelerator accelerator)
    {
        Device = device;
        Accelerator = accelerator;
        spare = new SpareMemory(accelerator, device);
        staging = (byte*)NativeMemory.AlignedAlloc(StagingBytes, 64);
    }

    /// <summary>Which device it is.</summary>
    public GpuDevice Device { get; }

    /// <summary>ILGPU's accelerator.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Families of kernels compiled so far, each kernel of products counted by itself; constant once a program is warm.</summary>
    public int Compiled => kernels.Values.Sum(family => family is Gemm products ? products.Compiled : 1);

    /// <summary>Blocks of memory taken from the driver so far; constant once a program is warm.</summary>
    public int Allocations => spare.Allocations;

    /// <summary>Times that the host has waited for the device.</summary>
    public long Waits { get; private set; }

    /// <summary>Submits from this thread alone until the result is disposed of.</summary>
    public Turn Enter()
    {
        Monitor.Enter(gate);
        try
        {
            Accelerator.Bind(); // a driver's current context is a thread's own
        }
        catch
        {
            Monitor.Exit(gate);
            throw;
        }

        return new Turn(gate);
    }

    /// <summary>A family of kernels, compiled at its first use. To be called within a turn.</summary>
    public T Kernel<T>(Func<Accelerator, T> compile)
        where T : class
    {
        if (kernels.TryGetValue(typeof(T), out object? known)) return (T)known;
        T family = compile(Accelerator);
        kernels.Add(typeof(T), family);
        return family;
    }

    /// <summary>A block of memory.</summary>
    /// <exception cref="DeviceException">The device has not enough.</exception>
    public GpuBuffer Allocate(long length, ElementType type = ElementType.F32)
    {
        using Turn turn = Enter();
        return new GpuBuffer(this, spare.Take(((length * type.Bytes()) + sizeof(float) - 1) / sizeof(float)), length, type);
    }

    /// <summary>
    /// Takes back a block: it is kept for the next request of its size. Work under way that reads it is done before any that follows.
    /// </summary>
    public void Return(MemoryBuffer1D<float, Stride1D.Dense> block)
    {
        using Turn turn = Enter();
        spare.Return(block);
    }

    /// <summary>Scratch memory of at least the given length: what a kernel of several passes keeps between them, within one turn.</summary>
    public ArrayView<float> Scratch(long length)
    {
        if (scratch is null || scratch.Length < length)
        {
            if (scratch is not null) spare.Return(scratch);
            scratch = spare.Take(length);
        }

        return ((ArrayView<float>)scratch.View).SubView(0, length);
    }

    /// <summary>
    /// Copies to the device without waiting for it: the numbers are put aside first, so that the caller may change them at once.
    /// </summary>
    public unsafe void Upload(ReadOnlySpan<byte> from, ArrayView<float> to)
    {
        for (int at = 0; at < from.Length;)
        {
            if (staged == StagingBytes) Wait();
            int bytes = Math.Min(from.Length - at, StagingBytes - staged), length = (bytes + sizeof(float) - 1) / sizeof(float);
            from.Slice(at, bytes).CopyTo(new Span<byte>(staging + staged, bytes));
            to.SubView(at / sizeof(float), length)
                .CopyFromCPUUnsafeAsync(Accelerator.DefaultStream, ref *(float*)(staging + staged), length);
            staged = (int)Math.Min(StagingBytes, (staged + (long)bytes + 63) / 64 * 64);
            at += bytes;
        }
    }

    /// <summary>Copies from the device, waiting for all work before.</summary>
    public unsafe void Download(ArrayView<float> from, Span<byte> to)
    {
        if (to.IsEmpty) return;
        fixed (byte* p = to)
        {
            from.CopyToCPUUnsafeAsync(Accelerator.DefaultStream, ref *(float*)p, to.Length / sizeof(float));
            Wait(); // before the collector may move what is written to
        }
    }

    /// <inheritdoc/>
    public unsafe void Dispose()
    {
        try
        {
            using Turn turn = Enter();
            Accelerator.Synchronize();
            scratch?.Dispose();
            spare.Dispose();
        }
        finally
        {
            Accelerator.Dispose();
            NativeMemory.AlignedFree(staging);
        }
    }

    private void Wait()
    {
        Accelerator.DefaultStream.Synchronize();
        staged = 0;
        Waits++;
    }

    /// <summary>A thread's turn to submit.</summary>
    public readonly struct Turn(object gate) : IDisposable
    {
        /// <summary>The next thread's turn.</summary>
        public void Dispose() => Monitor.Exit(gate);
    }
}
