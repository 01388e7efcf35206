using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.IO;

/// <summary>A tensor to be written: its name, its shape, and a function that hands over its values when their turn comes.</summary>
/// <param name="Name">The name; any text but __metadata__.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar.</param>
/// <param name="Write">Gives the sink exactly ∏ Shape values, in row-major order, in as many pieces as it likes.</param>
public sealed record TensorData(string Name, long[] Shape, Action<FloatSink> Write)
{
    /// <summary>A tensor whose values are in memory.</summary>
    public TensorData(string name, long[] shape, ReadOnlyMemory<float> values)
        : this(name, shape, sink => sink(values.Span))
    {
    }

    /// <summary>The type of its elements in the file. What is no float32 is rounded to nearest, ties to even.</summary>
    public ElementType Type { get; init; }

    /// <summary>Bytes of the elements.</summary>
    internal long Bytes => Shape.Aggregate((long)Type.Bytes(), (product, size) => product * size);
}

/// <summary>Writes tensors as a safetensors file, one after the other in the order given: no copy of the whole is ever in
/// memory.</summary>
public static class SafetensorsWriter
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file; a reader, or the next start after a crash, finds the old file or the whole new one
    /// (<see cref="AtomicFile"/>).</summary>
    /// <exception cref="ArgumentException">A name, a shape or a number of values is wrong.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes to a stream.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensors">The tensors, in the order in which they are to stand in the file.</param>
    /// <param name="metadata">Free text for the header. By default {"format": "pt"}, without which Hugging Face transformers refuses a
    /// file.</param>
    /// <exception cref="ArgumentException">A name occurs twice or is reserved, a shape is negative or too large, or a tensor handed over
    /// more or fewer values than its shape has.</exception>
    public static void Write(Stream stream, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensors);
        TensorData[] all = [.. tensors];
        long[] counts = [.. all.Select(Count)];
        byte[] header = Header(all, counts, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        for (int i = 0; i < all.Length; i++) WriteValues(stream, all[i], counts[i]);
    }

    private static byte[] Header(TensorData[] tensors, long[] counts, IReadOnlyDictionary<string, string> metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(Checked(key), Checked(value));
                json.WriteEndObject();
            }

            long start = 0;
            for (int i = 0; i < tensors.Length; i++)
            {
                string name = tensors[i].Name;
                if (name == "__metadata__")
                    throw new ArgumentException(
                        "No tensor may be named __metadata__: the format keeps that name for its metadata.", nameof(tensors));
                if (!names.Add(name)) throw new ArgumentException($"Two tensors are named '{name}'.", nameof(tensors));
                long end = checked(start + (tensors[i].Type.Bytes() * counts[i]));
                json.WriteStartObject(Checked(name));
                json.WriteString("dtype", tensors[i].Type.ToString());
                WriteNumbers(json, "shape", tensors[i].Shape);
                WriteNumbers(json, "data_offsets", [start, end]);
                json.WriteEndObject();
                start = end;
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' '); // aligns the data for readers that map the file
        if (buffer.Length > SafetensorsHeader.MaxLength)
            throw new ArgumentException(
                $"The header would have {buffer.Length} bytes; the format allows {SafetensorsHeader.MaxLength}.", nameof(tensors));
        return buffer.ToArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(key);
        foreach (long number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static long Count(TensorData tensor)
    {
        try
        {
            long count = 1;
            foreach (long size in tensor.Shape)
            {
                if (size < 0)
                    throw new ArgumentException($"Tensor '{tensor.Name}': shape {TensorEntry.Show(tensor.Shape)} has a negative size.");
                count = checked(count * size);
            }

            _ = checked(4 * count);
            return count;
        }
        catch (OverflowException)
        {
            throw new ArgumentException(
                $"Tensor '{tensor.Name}': the size of its shape {TensorEntry.Show(tensor.Shape)} overflows 64 bits.");
        }
    }

    // Half a surrogate pair is no text; replaced by U+FFFD, two different names could become one.
    private static string Checked(string text)
    {
        try
        {
            _ = StrictUtf8.GetByteCount(text);
            return text;
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"The name or metadata '{text}' is not valid Unicode.", e);
        }
    }

    private static void WriteValues(Stream stream, TensorData tensor, long count)
    {
        long written = 0;
        tensor.Write(values =>
        {
            written += values.Length;
            if (written > count) throw Miscounted(tensor, $"at least {written}", count);
            if (tensor.Type == ElementType.F32) WriteLittleEndian(stream, values);
            else WriteHalves(stream, tensor, values);
        });
        if (written != count) throw Miscounted(tensor, $"{written}", count);
    }

    private static ArgumentException Miscounted(TensorData tensor, string given, long needed) =>
        new($"Tensor '{tensor.Name}': {given} values were given; its shape {TensorEntry.Show(tensor.Shape)} has {needed}.");

    private static void WriteLittleEndian(Stream stream, ReadOnlySpan<float> values)
    {
        const int Piece = 1 << 24; // the bytes of one piece stay below the 2 GiB that a span can hold
        for (int done = 0; done < values.Length; done += Piece)
        {
            ReadOnlySpan<float> piece = values.Slice(done, Math.Min(Piece, values.Length - done));
            if (BitConverter.IsLittleEndian)
            {
                stream.Write(MemoryMarshal.AsBytes(piece));
                continue;
            }

            int[] swapped = new int[piece.Length];
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(piece), swapped);
            stream.Write(MemoryMarshal.AsBytes<int>(swapped));
        }
    }

    private static void WriteHalves(Stream stream, TensorData tensor, ReadOnlySpan<float> values)
    {
        Span<ushort> halves = stackalloc ushort[4096];
        for (int done = 0; done < values.Length; done += halves.Length)
        {
            ReadOnlySpan<float> piece = values.Slice(done, Math.Min(halves.Length, values.Length - done));
            Span<ushort> rounded = halves[..piece.Length];
            if (HalfPrecision.Round(piece, rounded, tensor.Type) is { } at)
            {
                throw new IOException($"Tensor '{tensor.Name}': {piece[at]} is too large for {tensor.Type.Name()}, "
                    + $"whose largest number is {HalfPrecision.Largest(tensor.Type):G6}; write it as float32.");
            }

            if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(rounded, rounded);
            stream.Write(MemoryMarshal.AsBytes(rounded));
        }
    }
}
