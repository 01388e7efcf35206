namespace MiniTransformer.Backends;

/// <summary>A block of device memory: of float32 (or of ints, for token ids), or a matrix of another type that is only read.</summary>
public abstract class DeviceBuffer : IDisposable
{
    /// <summary>Creates the handle of a block of the given number of elements.</summary>
    protected DeviceBuffer(long length, ElementType type = ElementType.F32) => (Length, Type) = (length, type);

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>Their type.</summary>
    public ElementType Type { get; }

    /// <summary>The memory that they take, in bytes.</summary>
    public virtual long Bytes => Length * Type.Bytes();

    /// <summary>Returns the memory to the device.</summary>
    public abstract void Dispose();
}

/// <summary>A contiguous piece of a <see cref="DeviceBuffer"/>: what a backend's verbs read and write.</summary>
/// <param name="Buffer">The block it lies in.</param>
/// <param name="Offset">Its first element in the block.</param>
/// <param name="Length">Its number of elements.</param>
public readonly record struct Storage(DeviceBuffer Buffer, long Offset, int Length)
{
    /// <summary>True for the default value, which stands for "no storage".</summary>
    public bool IsNone => Buffer is null;

    /// <summary>The type of the elements.</summary>
    public ElementType Type => Buffer?.Type ?? ElementType.F32;

    /// <summary>The piece of <paramref name="length"/> elements that starts at element <paramref name="start"/>.</summary>
    public Storage Slice(int start, int length)
    {
        if (start < 0 || length < 0 || start + (long)length > Length)
            throw new ArgumentOutOfRangeException(nameof(start),
                $"Slice [{start}, {start + (long)length}) lies outside a storage of {Length} elements.");
        return new Storage(Buffer, Offset + start, length);
    }
}
