using System.Globalization;
using MiniTransformer.Backends.Cpu;
using MiniTransformer.Backends.Gpu;

namespace MiniTransformer.Backends;

/// <summary>A machine to compute on: its backend, and memory that outlives a step.</summary>
public sealed class Device : IDisposable
{
    private const int LogitBlock = 256;
    private readonly List<DeviceBuffer> persistent = [];
    private long held;

    private Device(IBackend backend) => Backend = backend;

    /// <summary>The verbs of this device.</summary>
    public IBackend Backend { get; }

    /// <summary>The name shown to users.</summary>
    public string Name => Backend.Name;

    /// <summary>
    /// Asks the steps on this device to end: once it is cancelled, the next op of a tape, and the next parameter that is made, throws
    /// <see cref="OperationCanceledException"/>. So whatever computes here, training, sampling or evaluation, hears it between two ops.
    /// Updates are whole: weights and optimizer are as the last finished one left them, and can be read and saved.
    /// </summary>
    public CancellationToken Stop { get; set; }

    /// <summary>
    /// Rows of logits over the vocabulary that exist at a time, a multiple of 256; 0, at first, is as many as a 64th of the device's memory
    /// holds, and at most 256 MB of them. More is faster where rows are many, fewer takes less memory; no result depends on it.
    /// </summary>
    public int LogitRows
    {
        get;
        set => field = value >= 0 && value % LogitBlock == 0
            ? value
            : throw new ArgumentException($"LogitRows: {value} came; 0 or a multiple of {LogitBlock} is needed.");
    }

    /// <summary>Rows of logits of a vocabulary that exist at a time.</summary>
    public int RowsOfLogits(int vocabulary)
    {
        if (LogitRows > 0) return LogitRows;
        long bytes = Math.Min(256L << 20, Backend.MemoryBytes / 64), rows = bytes / (sizeof(float) * (long)vocabulary);
        return (int)Math.Clamp(rows / LogitBlock * LogitBlock, LogitBlock, int.MaxValue / vocabulary / LogitBlock * LogitBlock);
    }

    /// <summary>State that higher layers attach to the device, such as its reusable tapes; disposed with it.</summary>
    internal Dictionary<Type, IDisposable> Attached { get; } = [];

    /// <summary>The SIMD backend of this machine's CPU.</summary>
    /// <param name="threads">Threads to use; 0 means one per core. The results are the same for every number.</param>
    public static Device Cpu(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        return new Device(new CpuBackend(threads == 0 ? Environment.ProcessorCount : threads));
    }

    /// <summary>The fastest device of this machine: CUDA, else a GPU through OpenCL, else the CPU.</summary>
    /// <param name="threads">Threads of the CPU; 0 means one per core.</param>
    /// <param name="tf32">As for <see cref="Open"/>.</param>
    public static Device Best(int threads = 0, bool tf32 = false)
    {
        try
        {
            return new Device(GpuMachines.BackendOf(device => device.IsGpu, "auto", tf32));
        }
        catch (DeviceException)
        {
            return Cpu(threads); // none, or none that computes rightly; `devices` says why
        }
    }

    /// <summary>The device of a specification.</summary>
    /// <param name="specification">auto, cpu, cuda, opencl, or one of several, such as cuda:1.</param>
    /// <param name="threads">Threads of the CPU; 0 means one per core.</param>
    /// <param name="tf32">
    /// Whether products may round their factors to TF32 (11 significant bits) on CUDA devices with tensor cores for it; on others it
    /// changes nothing.
    /// </param>
    /// <exception cref="DeviceException">There is no such device, or it cannot be used; the message says why.</exception>
    public static Device Open(string specification, int threads = 0, bool tf32 = false)
    {
        if (specification == "auto") return Best(threads, tf32);
        if (specification == "cpu") return Cpu(threads);
        (GpuApi api, int? index) = Parse(specification);
        return new Device(GpuMachines.BackendOf(device =>
            device.Api == api && (index is null || device.Index == index), specification, tf32));
    }

    /// <summary>Throws if a text has not the form of a specification; whether there is such a device is not asked.</summary>
    /// <exception cref="DeviceException">It has not; the message says what there is.</exception>
    public static void CheckName(string specification)
    {
        if (specification is not ("auto" or "cpu")) Parse(specification);
    }

    private static (GpuApi Api, int? Index) Parse(string specification)
    {
        string[] parts = specification.Split(':');
        int index = -1;
        bool numbered = parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index);
        if ((parts.Length != 1 && !numbered) || parts[0] is not ("cuda" or "opencl"))
            throw new DeviceException($"'{specification}' names no device; there are auto, cpu, cuda, opencl, and with a number cuda:1 or "
                + "opencl:1.");
        return (parts[0] == "cuda" ? GpuApi.Cuda : GpuApi.OpenCl, numbered ? index : null);
    }

    /// <summary>A device that computes nothing: what a step on it would need in memory can be read off, without needing it.</summary>
    /// <param name="like">Whose memory it is to have, which decides how much is computed together; null for one without limits.</param>
    public static Device DryRun(Device? like = null) =>
        new(new DryRunBackend { MemoryBytes = like?.Backend.MemoryBytes ?? long.MaxValue }) { LogitRows = like?.LogitRows ?? 0 };

    /// <summary>
    /// The most bytes that were held at once: parameters, gradients, optimizer state, caches, and the steps' arenas. Scratch of single
    /// kernels comes on top.
    /// </summary>
    public long PeakBytes { get; private set; }

    /// <summary>Bytes held for parameters, optimizer state and caches; the steps' arenas are not counted.</summary>
    public long PersistentBytes
    {
        get
        {
            lock (persistent) return persistent.Sum(buffer => buffer.Bytes);
        }
    }

    /// <summary>Refuses what the device has not the memory for, before any is taken.</summary>
    /// <param name="bytes">How much is needed.</param>
    /// <param name="what">What for, such as "a cache of 256 sequences".</param>
    /// <param name="wayOut">What would need less, such as "lower MaxTokens".</param>
    /// <exception cref="DeviceException">It is more than the device has.</exception>
    public void Require(double bytes, string what, string wayOut)
    {
        if (bytes > Backend.MemoryBytes)
            throw new DeviceException($"{what} needs {DeviceException.Size(bytes)} of memory, and {Name} has "
                + $"{DeviceException.Size(Backend.MemoryBytes)}; {wayOut}.");
    }

    /// <summary>Memory for parameters, optimizer state and caches, valid until freed or until the device is disposed.</summary>
    /// <param name="length">Elements of 4 bytes.</param>
    /// <param name="zeroed">False spares the zeros where everything is written before it is read.</param>
    public Storage Allocate(int length, bool zeroed = true)
    {
        DeviceBuffer buffer = Backend.Allocate(length);
        lock (persistent) persistent.Add(buffer);
        Took(buffer.Bytes);
        var storage = new Storage(buffer, 0, length);
        if (zeroed) Backend.Fill(storage, 0);
        return storage;
    }

    /// <summary>Memory for a matrix that is only read, of elements of any type: see <see cref="IBackend.AllocateMatrix"/>.</summary>
    public Storage AllocateMatrix(int rows, int columns, ElementType type)
    {
        DeviceBuffer buffer = Backend.AllocateMatrix(rows, columns, type);
        lock (persistent) persistent.Add(buffer);
        Took(buffer.Bytes);
        return new Storage(buffer, 0, checked(rows * columns));
    }

    /// <summary>Returns memory that <see cref="Allocate"/> or <see cref="AllocateMatrix"/> gave.</summary>
    public void Free(Storage storage)
    {
        if (storage.IsNone) return;
        lock (persistent) persistent.Remove(storage.Buffer);
        Took(-storage.Buffer.Bytes);
        storage.Buffer.Dispose();
    }

    /// <summary>Counts memory that was taken, or with a minus returned.</summary>
    internal void Took(long bytes)
    {
        lock (persistent)
        {
            held += bytes;
            PeakBytes = Math.Max(PeakBytes, held);
        }
    }

    /// <summary>Frees everything that was allocated on the device.</summary>
    public void Dispose()
    {
        foreach (IDisposable attached in Attached.Values) attached.Dispose();
        Attached.Clear();
        foreach (DeviceBuffer buffer in persistent) buffer.Dispose();
        persistent.Clear();
        Backend.Dispose();
    }
}
