using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace MiniTransformer.IO;

/// <summary>
/// The header of a safetensors file: a JSON object {"NAME": {"dtype": "F32", "shape": [8, 64], "data_offsets": [START, END]}, ...} with an
/// optional "__metadata__": {"KEY": "VALUE", ...}, padded with spaces. Every rule of the format is checked here, before any tensor is read.
/// Format: https://github.com/huggingface/safetensors, section Format of the README.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The most bytes a header may have.</summary>
    public const int MaxLength = 100_000_000;

    private readonly string file;
    private readonly List<TensorEntry> entries = [];
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);

    private SafetensorsHeader(string file) => this.file = file;

    /// <summary>Reads and checks a header.</summary>
    /// <param name="file">The file's path, for messages.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">Number of bytes that follow the header.</param>
    /// <returns>The tensors in the order of their data, and the metadata.</returns>
    /// <exception cref="SafetensorsException">A rule of the format is broken.</exception>
    public static (IReadOnlyList<TensorEntry> Entries, Dictionary<string, string> Metadata) Parse(
        string file, ReadOnlySpan<byte> json, long dataLength)
    {
        var header = new SafetensorsHeader(file);
        if (json.IsEmpty || json[0] != (byte)'{')
            throw header.Broken(null, "the header does not begin with '{'; this is not a safetensors file, or it is damaged");
        if (!Utf8.IsValid(json)) throw header.Broken(null, "the header is not valid UTF-8; the file is damaged");
        try
        {
            header.ReadObject(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped half of a surrogate pair, which is no character.
            throw new SafetensorsException(file, null, $"the header is not valid JSON: {e.Message}", e);
        }

        header.entries.Sort((a, b) => (a.Start, a.End).CompareTo((b.Start, b.End)));
        header.CheckLayout(dataLength);
        return (header.entries, header.metadata);
    }

    private SafetensorsException Broken(string? tensor, string problem) => new(file, tensor, problem);

    private void ReadObject(ReadOnlySpan<byte> json)
    {
        // Three levels are all that a header needs; deeper nesting is refused while it is read.
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
        var names = new HashSet<string>(StringComparer.Ordinal);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name)) throw Broken(name, "the name occurs twice in the header");
            reader.Read();
            if (name == "__metadata__") ReadMetadata(ref reader);
            else entries.Add(ReadEntry(ref reader, name));
        }

        ReadOnlySpan<byte> padding = json[(int)reader.BytesConsumed..];
        if (padding.ContainsAnyExcept((byte)' ')) throw Broken(null, "the header is followed by something other than padding spaces");
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Broken(null, "__metadata__ must be an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Broken(null,
                    $"__metadata__ '{SafetensorsException.Printable(key)}' must be a string; it is {Describe(reader.TokenType)}");
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw Broken(null, $"__metadata__ '{SafetensorsException.Printable(key)}' occurs twice");
        }
    }

    private TensorEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Broken(name, $"its description must be an object with dtype, shape and data_offsets; it is {Describe(reader.TokenType)}");
        string? dtype = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            bool twice = key switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => false,
            };
            if (twice) throw Broken(name, $"{key} occurs twice");
            reader.Read();
            switch (key)
            {
                case "dtype":
                    if (reader.TokenType != JsonTokenType.String)
                        throw Broken(name, $"dtype must be a string; it is {Describe(reader.TokenType)}");
                    dtype = reader.GetString()!;
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, name, key);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref reader, name, key);
                    break;
                default:
                    throw Broken(name,
                        $"unknown key '{SafetensorsException.Printable(key)}'; only dtype, shape and data_offsets are part of the format");
            }
        }

        if (dtype is null || shape is null || offsets is null)
            throw Broken(name, $"{(dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets")} is missing");
        if (offsets.Length != 2) throw Broken(name, $"data_offsets must be two numbers, [start, end]; it has {offsets.Length}");
        if (offsets[0] > offsets[1]) throw Broken(name, $"data_offsets [{offsets[0]}, {offsets[1]}] end before they start");
        CheckSize(name, dtype, shape, offsets[1] - offsets[0]);
        return new TensorEntry(name, dtype, shape, offsets[0], offsets[1]);
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Broken(name, $"{key} must be an array of numbers; it is {Describe(reader.TokenType)}");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number)
                throw Broken(name, $"{key} must hold numbers; it holds {Describe(reader.TokenType)}");
            if (reader.ValueSpan.ContainsAnyExceptInRange((byte)'0', (byte)'9') || !reader.TryGetInt64(out long number))
            {
                throw Broken(name, $"{key} holds {SafetensorsException.Printable(Encoding.UTF8.GetString(reader.ValueSpan))}; "
                    + "only whole numbers from 0 to 2⁶³ − 1, written in digits, are allowed");
            }

            numbers.Add(number);
        }

        return [.. numbers];
    }

    // bytes = bits(dtype) · ∏ shape / 8, every product checked for overflow
    private void CheckSize(string name, string dtype, long[] shape, long bytes)
    {
        int bits = TensorEntry.BitsOf(dtype);
        if (bits == 0) throw Broken(name, $"unknown dtype '{SafetensorsException.Printable(dtype)}'");
        long needed;
        try
        {
            long count = 1;
            foreach (long size in shape) count = checked(count * size);
            needed = bits >= 8 ? checked(count * (bits / 8)) : checked(count * bits) / 8;
            if (bits < 8 && count * bits % 8 != 0) throw Broken(name, $"{count} elements of {dtype} do not fill whole bytes");
        }
        catch (OverflowException)
        {
            throw Broken(name, $"the size of its shape {ShowShape(shape)} overflows 64 bits");
        }

        if (needed != bytes) throw Broken(name, $"shape {ShowShape(shape)} of {dtype} needs {needed} bytes; data_offsets span {bytes}");
    }

    // The tensors must cover the data from its first byte to its last, with neither holes nor overlaps.
    private void CheckLayout(long dataLength)
    {
        long end = 0;
        foreach (TensorEntry entry in entries)
        {
            if (entry.Start > end)
                throw Broken(entry.Name,
                    $"it starts at byte {entry.Start}, but the data before it ends at {end}: a hole of {entry.Start - end} bytes");
            if (entry.Start < end)
                throw Broken(entry.Name, $"it starts at byte {entry.Start}, but the data before it ends at {end}: the two overlap");
            if (entry.End > dataLength)
                throw Broken(entry.Name,
                    $"it ends at byte {entry.End}, but only {dataLength} bytes of data are there; the file is cut short, fetch it again");
            end = entry.End;
        }

        if (end != dataLength)
            throw Broken(null,
                $"the tensors end at byte {end}, but {dataLength} bytes of data are there: {dataLength - end} bytes belong to no tensor");
    }

    private static string ShowShape(long[] shape) => SafetensorsException.Printable(TensorEntry.Show(shape));

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "true or false",
        _ => "null",
    };
}
