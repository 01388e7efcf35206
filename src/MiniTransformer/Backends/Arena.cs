namespace MiniTransformer.Backends;

/// <summary>
/// The memory of one step: storages are handed out one after the other and all returned at once. After the first step of a
/// kind no memory is allocated any more: the same slabs serve the next step.
/// </summary>
internal sealed class Arena : IDisposable
{
    private const int Alignment = 16;                 // elements: 64 bytes, a cache line and the widest vector
    private const long SmallestSlab = 1 << 20;        // elements: 4 MB

    private readonly IBackend backend;
    private readonly Action<long>? took; // hears of the bytes that slabs take
    private const long Large = 1 << 24;               // elements: 64 MB

    private readonly List<DeviceBuffer> slabs = [];
    private readonly List<DeviceBuffer> blocks = [];   // of large requests, one each, so that no slab's end is left empty for them
    private int slab;
    private long used; // elements handed out of the current slab
    private int usedBlocks;

    /// <summary>An empty arena; the first request allocates.</summary>
    public Arena(IBackend backend)
        : this(backend, null)
    {
    }

    internal Arena(IBackend backend, Action<long>? took) => (this.backend, this.took) = (backend, took);

    /// <summary>A place to come back to: see <see cref="Release"/>.</summary>
    public readonly record struct Mark(int Slab, long Used, int Blocks);

    /// <summary>Elements allocated from the device so far, in use or not.</summary>
    public long Capacity { get; private set; }

    /// <summary>The largest number of elements ever in use at once, the unused ends of full slabs included.</summary>
    public long Peak { get; private set; }

    /// <summary>Uninitialised storage that is valid until the arena is reset, or released to an earlier mark.</summary>
    public Storage Take(int length)
    {
        long size = (length + Alignment - 1L) / Alignment * Alignment;
        if (size >= Large) return Block(size, length);
        while (slab < slabs.Count && used + size > slabs[slab].Length)
        {
            slab++;
            used = 0;
        }

        if (slab == slabs.Count)
        {
            long wanted = SmallestSlab;
            foreach (DeviceBuffer buffer in slabs) wanted += buffer.Length / 2;
            slabs.Add(Allocate(Math.Max(size, wanted)));
        }

        var storage = new Storage(slabs[slab], used, length);
        used += size;
        Peak = Math.Max(Peak, InUse());
        return storage;
    }

    /// <summary>The current place; storage taken later is returned by releasing to it.</summary>
    public Mark Here => new(slab, used, usedBlocks);

    /// <summary>Returns all storage that was taken after the mark.</summary>
    public void Release(Mark mark) => (slab, used, usedBlocks) = (mark.Slab, mark.Used, mark.Blocks);

    /// <summary>Returns all storage, and keeps the memory for the next step.</summary>
    public void Reset() => (slab, used, usedBlocks) = (0, 0, 0);

    /// <summary>Returns the memory to the device.</summary>
    public void Dispose()
    {
        foreach (DeviceBuffer buffer in slabs.Concat(blocks)) buffer.Dispose();
        took?.Invoke(-sizeof(float) * Capacity);
        slabs.Clear();
        blocks.Clear();
        Capacity = 0;
        Reset();
    }

    // Blocks are used again in the order of the requests; one that is too small gives way to a larger one.
    private Storage Block(long size, int length)
    {
        if (usedBlocks == blocks.Count) blocks.Add(Allocate(size));
        else if (blocks[usedBlocks].Length < size)
        {
            Capacity -= blocks[usedBlocks].Length;
            took?.Invoke(-sizeof(float) * blocks[usedBlocks].Length);
            blocks[usedBlocks].Dispose();
            blocks[usedBlocks] = Allocate(size);
        }

        var storage = new Storage(blocks[usedBlocks++], 0, length);
        Peak = Math.Max(Peak, InUse());
        return storage;
    }

    private DeviceBuffer Allocate(long length)
    {
        DeviceBuffer buffer = backend.Allocate(length);
        Capacity += length;
        took?.Invoke(sizeof(float) * length);
        return buffer;
    }

    private long InUse()
    {
        long total = used;
        for (int i = 0; i < slab; i++) total += slabs[i].Length;
        for (int i = 0; i < usedBlocks; i++) total += blocks[i].Length;
        return total;
    }
}
