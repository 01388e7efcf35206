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
    private readonly List<DeviceBuffer> slabs = [];
    private int slab;
    private long used; // elements handed out of the current slab

    /// <summary>An empty arena; the first request allocates.</summary>
    public Arena(IBackend backend)
        : this(backend, null)
    {
    }

    internal Arena(IBackend backend, Action<long>? took) => (this.backend, this.took) = (backend, took);

    /// <summary>A place to come back to: see <see cref="Release"/>.</summary>
    public readonly record struct Mark(int Slab, long Used);

    /// <summary>Elements allocated from the device so far, in use or not.</summary>
    public long Capacity { get; private set; }

    /// <summary>The largest number of elements ever in use at once, the unused ends of full slabs included.</summary>
    public long Peak { get; private set; }

    /// <summary>Uninitialised storage that is valid until the arena is reset, or released to an earlier mark.</summary>
    public Storage Take(int length)
    {
        long size = (length + Alignment - 1L) / Alignment * Alignment;
        while (slab < slabs.Count && used + size > slabs[slab].Length)
        {
            slab++;
            used = 0;
        }

        if (slab == slabs.Count)
        {
            long wanted = Math.Max(size, Math.Max(SmallestSlab, Capacity / 2));
            slabs.Add(backend.Allocate(wanted));
            Capacity += wanted;
            took?.Invoke(sizeof(float) * wanted);
        }

        var storage = new Storage(slabs[slab], used, length);
        used += size;
        Peak = Math.Max(Peak, InUse());
        return storage;
    }

    /// <summary>The current place; storage taken later is returned by releasing to it.</summary>
    public Mark Here => new(slab, used);

    /// <summary>Returns all storage that was taken after the mark.</summary>
    public void Release(Mark mark) => (slab, used) = (mark.Slab, mark.Used);

    /// <summary>Returns all storage, and keeps the memory for the next step.</summary>
    public void Reset() => (slab, used) = (0, 0);

    /// <summary>Returns the memory to the device.</summary>
    public void Dispose()
    {
        foreach (DeviceBuffer buffer in slabs) buffer.Dispose();
        took?.Invoke(-sizeof(float) * Capacity);
        slabs.Clear();
        Capacity = 0;
        Reset();
    }

    private long InUse()
    {
        long total = used;
        for (int i = 0; i < slab; i++) total += slabs[i].Length;
        return total;
    }
}
