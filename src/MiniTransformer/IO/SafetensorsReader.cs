using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MiniTransformer.Backends;

namespace MiniTransformer.IO;

/// <summary>
/// Reads tensors from a safetensors file: 8 bytes of header length (little-endian), a JSON header, then the tensors' bytes, row-major and
/// little-endian. <see cref="Open"/> checks the whole layout before any tensor can be read; tensors are read one by one, straight into the
/// caller's memory.
/// </summary>
public sealed class SafetensorsReader : ITensorFile
{
    // Floats read at a time: the bytes of one piece stay below the 2 GiB that a span can hold.
    private const int Piece = 1 << 24;

    private readonly SafeFileHandle handle;
    private readonly long dataStart;
    private readonly OrderedDictionary<string, TensorEntry> entries;

    private SafetensorsReader(string path, SafeFileHandle handle)
    {
        Path = path;
        this.handle = handle;
        long length = RandomAccess.GetLength(handle);
        if (length < 8)
            throw new SafetensorsException(path, null,
                $"it has {length} bytes; a safetensors file has at least the 8 of its header length");
        Span<byte> prefix = stackalloc byte[8];
        ReadExactly(prefix, 0, null);

        // Checked before anything of that size is allocated.
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxLength)
        {
            throw new SafetensorsException(path, null,
                $"the header claims {headerLength} bytes, more than the {SafetensorsHeader.MaxLength} allowed; "
                + "this is not a safetensors file, or it is damaged");
        }

        if ((long)headerLength > length - 8)
            throw new SafetensorsException(path, null,
                $"the header claims {headerLength} bytes, but only {length - 8} follow; the file is cut short, fetch it again");
        byte[] header = new byte[headerLength];
        ReadExactly(header, 8, null);
        dataStart = 8 + (long)headerLength;
        (IReadOnlyList<TensorEntry> inFileOrder, Dictionary<string, string> metadata) =
            SafetensorsHeader.Parse(path, header, length - dataStart);
        Metadata = metadata;
        entries = new OrderedDictionary<string, TensorEntry>(inFileOrder.Count, StringComparer.Ordinal);
        foreach (TensorEntry entry in inFileOrder) entries.Add(entry.Name, entry);
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>The tensors by name, enumerated in the order of their data in the file.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries => entries;

    /// <summary>The free text of the header's __metadata__; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header and layout in full.</summary>
    /// <exception cref="SafetensorsException">The file is damaged or is no safetensors file.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static SafetensorsReader Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            throw new SafetensorsException(path, null, "it is a folder; give the path of the .safetensors file in it");
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file '{path}'.", path);
        SafeFileHandle handle = File.OpenHandle(
            path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
        try
        {
            return new SafetensorsReader(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Whether the file holds a tensor of that name.</summary>
    public bool Contains(string name) => entries.ContainsKey(name);

    /// <inheritdoc/>
    public TensorEntry Entry(string name) => entries.TryGetValue(name, out TensorEntry? entry)
        ? entry
        : throw new SafetensorsException(Path, name, $"the file holds no tensor of that name among its {entries.Count}");

    /// <summary>Reads a tensor of float32, float16 or bfloat16, row-major; the latter widen exactly.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor, or its elements are of another type.</exception>
    public float[] ReadFloat32(string name)
    {
        TensorEntry entry = Entry(name);
        if (entry.Count > Array.MaxLength)
            throw new SafetensorsException(Path, name, $"its {entry.Count} elements do not fit into one array; read it into spans");
        float[] values = GC.AllocateUninitializedArray<float>((int)entry.Count);
        ReadFloat32(name, values);
        return values;
    }

    /// <summary>Reads a tensor, row-major, into memory of exactly its number of elements.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor, its elements are of a type that is not read, or their number is
    /// another.</exception>
    public void ReadFloat32(string name, Span<float> into)
    {
        TensorEntry entry = Entry(name);
        if (entry.Count != into.Length)
            throw new SafetensorsException(Path, name,
                $"it has {entry.Count} elements, shape {TensorEntry.Show(entry.Shape)}; the destination has {into.Length}");
        ReadFloat32(name, 0, into);
    }

    /// <inheritdoc/>
    public void ReadFloat32(string name, long first, Span<float> into)
    {
        (ElementType type, long start) = Place(name, first, into.Length);
        if (type != ElementType.F32) ReadHalves(name, type, start, into);
        else
        {
            for (int done = 0; done < into.Length; done += Piece)
            {
                Span<float> piece = into.Slice(done, Math.Min(Piece, into.Length - done));
                ReadExactly(MemoryMarshal.AsBytes(piece), start + (4L * done), name);
                if (BitConverter.IsLittleEndian) continue;
                Span<int> words = MemoryMarshal.Cast<float, int>(piece);
                BinaryPrimitives.ReverseEndianness(words, words);
            }
        }
    }

    /// <inheritdoc/>
    public void ReadElements(string name, long first, Span<byte> into)
    {
        TensorEntry entry = Entry(name);
        int size = (ElementTypes.Of(entry.Dtype) ?? throw SafetensorsException.NotRead(Path, entry)).Bytes();
        (_, long start) = Place(name, first, into.Length / size);
        ReadExactly(into, start, name);
        if (BitConverter.IsLittleEndian) return;
        if (size == sizeof(float)) Reverse(MemoryMarshal.Cast<byte, int>(into));
        else Reverse(MemoryMarshal.Cast<byte, short>(into));

        static void Reverse<T>(Span<T> words)
            where T : unmanaged
        {
            foreach (ref T word in words) MemoryMarshal.AsBytes(new Span<T>(ref word)).Reverse();
        }
    }

    /// <summary>Reads a float32 tensor all of whose elements have to be finite numbers.</summary>
    /// <exception cref="SafetensorsException">As before, or an element is NaN or infinite.</exception>
    public void ReadFinite(string name, float[] into)
    {
        ReadFloat32(name, into);
        int at = Array.FindIndex(into, x => !float.IsFinite(x));
        if (at >= 0)
            throw new SafetensorsException(Path, name,
                $"element {at} is {into[at]}; a model with such a weight computes nothing. Take a checkpoint from before it diverged.");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();

    // The type of a tensor, and where its elements from the first one on begin.
    private (ElementType Type, long Start) Place(string name, long first, int count)
    {
        TensorEntry entry = Entry(name);
        if (ElementTypes.Of(entry.Dtype) is not { } type) throw SafetensorsException.NotRead(Path, entry);
        if (first < 0 || first + count > entry.Count)
            throw new ArgumentOutOfRangeException(nameof(first),
                $"Elements {first} to {first + count - 1} of '{name}' were asked for; it has {entry.Count}.");
        return (type, dataStart + entry.Start + type.Bytes() * first);
    }

    private void ReadHalves(string name, ElementType type, long start, Span<float> into)
    {
        ushort[] buffer = ArrayPool<ushort>.Shared.Rent(1 << 17);
        Span<ushort> halves = buffer;
        for (int done = 0; done < into.Length; done += halves.Length)
        {
            Span<ushort> piece = halves[..Math.Min(halves.Length, into.Length - done)];
            ReadExactly(MemoryMarshal.AsBytes(piece), start + (2L * done), name);
            if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(piece, piece);
            HalfPrecision.Widen(piece, into.Slice(done, piece.Length), type);
        }

        ArrayPool<ushort>.Shared.Return(buffer);
    }

    private void ReadExactly(Span<byte> into, long offset, string? tensor)
    {
        while (!into.IsEmpty)
        {
            int read = RandomAccess.Read(handle, into, offset);
            if (read == 0)
                throw new SafetensorsException(Path, tensor,
                    $"the file ended at byte {offset} while it was read; was it cut short by another program?");
            into = into[read..];
            offset += read;
        }
    }
}
