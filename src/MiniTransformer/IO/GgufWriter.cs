using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using MiniTransformer.Backends;

namespace MiniTransformer.IO;

/// <summary>
/// Writes GGUF version 3, the one file of llama.cpp: magic, version, counts, key/value pairs, descriptions of tensors, then their elements,
/// each beginning at a multiple of 32 bytes. Shapes stand innermost first.
/// </summary>
internal static class GgufWriter
{
    private const int Alignment = 32, Piece = 1 << 16;

    /// <summary>Writes a file under another name, flushes and renames it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fields">Keys and values: uint, int, float, bool, string, or an array of int, float or string.</param>
    /// <param name="tensors">The tensors; what is no float32 is rounded to nearest.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ArgumentException">A tensor hands over another number of values than its shape has, or one that its type does not
    /// hold.</exception>
    public static void Write(string path, IReadOnlyList<(string Key, object Value)> fields, IReadOnlyList<TensorData> tensors) =>
        AtomicFile.Write(path, stream =>
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)fields.Count);
        foreach ((string key, object value) in fields)
        {
            WriteText(writer, key);
            WriteValue(writer, value, withType: true);
        }

        long offset = 0;
        foreach (TensorData tensor in tensors)
        {
            WriteText(writer, tensor.Name);
            writer.Write((uint)tensor.Shape.Length);
            for (int i = tensor.Shape.Length - 1; i >= 0; i--) writer.Write((ulong)tensor.Shape[i]);
            writer.Write(tensor.Type switch { ElementType.F16 => 1u, ElementType.BF16 => 30u, _ => 0u });
            writer.Write((ulong)offset);
            offset = checked(offset + tensor.Bytes + Padding(tensor.Bytes));
        }

        writer.Flush();
        stream.Write(new byte[Padding(stream.Position)]);
        foreach (TensorData tensor in tensors)
        {
            WriteElements(stream, tensor);
            stream.Write(new byte[Padding(tensor.Bytes)]);
        }
    });

    private static int Padding(long length) => (int)((Alignment - length % Alignment) % Alignment);

    private static void WriteText(BinaryWriter writer, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)utf8.Length);
        writer.Write(utf8);
    }

    private static void WriteValue(BinaryWriter writer, object value, bool withType)
    {
        if (withType) writer.Write(value is Array ? 9u : TypeOf(value.GetType()));
        switch (value)
        {
            case uint number: writer.Write(number); break;
            case int number: writer.Write(number); break;
            case float number: writer.Write(number); break;
            case bool flag: writer.Write(flag); break;
            case string text: WriteText(writer, text); break;
            case Array array:
                writer.Write(TypeOf(array.GetType().GetElementType()!));
                writer.Write((ulong)array.Length);
                foreach (object item in array) WriteValue(writer, item, withType: false);
                break;
        }
    }

    private static uint TypeOf(Type type) =>
        type == typeof(uint) ? 4u
        : type == typeof(int) ? 5u
        : type == typeof(float) ? 6u
        : type == typeof(bool) ? 7u
        : type == typeof(string) ? 8u
        : throw new ArgumentException($"GGUF: a value of type {type.Name} is not written.");

    private static void WriteElements(Stream stream, TensorData tensor)
    {
        long written = 0;
        byte[] buffer = new byte[Piece * sizeof(float)];
        tensor.Write(values =>
        {
            for (; !values.IsEmpty; values = values[Math.Min(Piece, values.Length)..])
            {
                ReadOnlySpan<float> piece = values[..Math.Min(Piece, values.Length)];
                Span<byte> bytes = buffer.AsSpan(0, piece.Length * tensor.Type.Bytes());
                if (tensor.Type == ElementType.F32)
                {
                    for (int i = 0; i < piece.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes[(i * sizeof(float))..], piece[i]);
                }
                else if (HalfPrecision.Round(piece, MemoryMarshal.Cast<byte, ushort>(bytes), tensor.Type) is { } place)
                {
                    string weight = FormattableString.Invariant($"{piece[place]}"),
                        most = FormattableString.Invariant($"{HalfPrecision.Largest(tensor.Type)}");
                    throw new ArgumentException(
                        $"'{tensor.Name}' has the weight {weight}, which {tensor.Type.Name()} does not hold (at most {most}); take float32 "
                            + "or bfloat16.");
                }

                stream.Write(bytes);
                written += piece.Length;
            }
        });
        long count = tensor.Bytes / tensor.Type.Bytes();
        if (written != count) throw new ArgumentException($"'{tensor.Name}' handed over {written} values, and its shape has {count}.");
    }
}
