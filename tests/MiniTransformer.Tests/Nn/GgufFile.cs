using System.Text;

namespace MiniTransformer.Tests.Nn;

/// <summary>Reads a GGUF file as its specification says: what the writer is held against.</summary>
internal sealed class GgufFile
{
    public GgufFile(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        using var reader = new BinaryReader(new MemoryStream(file));
        Assert.Equal("GGUF", Encoding.ASCII.GetString(reader.ReadBytes(4)));
        Assert.Equal(3u, reader.ReadUInt32());
        (ulong tensors, ulong fields) = (reader.ReadUInt64(), reader.ReadUInt64());
        for (ulong i = 0; i < fields; i++) Fields.Add(Text(reader), Value(reader, reader.ReadUInt32()));
        var places = new List<(string Name, long[] Shape, uint Type, long Offset)>();
        for (ulong i = 0; i < tensors; i++)
        {
            string name = Text(reader);
            long[] shape = [.. Enumerable.Range(0, (int)reader.ReadUInt32()).Select(_ => reader.ReadInt64()).Reverse()];
            places.Add((name, shape, reader.ReadUInt32(), reader.ReadInt64()));
        }

        long start = (reader.BaseStream.Position + 31) / 32 * 32, end = start;
        foreach ((string name, long[] shape, uint type, long offset) in places)
        {
            Assert.Equal(0, offset % 32);
            long count = shape.Aggregate(1L, (a, b) => a * b);
            reader.BaseStream.Position = start + offset;
            float[] values = [.. Enumerable.Range(0, (int)count).Select(_ => type switch
            {
                0 => reader.ReadSingle(),
                1 => (float)reader.ReadHalf(),
                30 => BitConverter.UInt32BitsToSingle((uint)reader.ReadUInt16() << 16),
                _ => throw new InvalidDataException($"type {type}"),
            })];
            end = Math.Max(end, (reader.BaseStream.Position + 31) / 32 * 32);
            Tensors.Add(name, (shape, type, values));
        }

        Assert.Equal(end, file.Length);
    }

    public Dictionary<string, object> Fields { get; } = [];

    public Dictionary<string, (long[] Shape, uint Type, float[] Values)> Tensors { get; } = [];

    private static string Text(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadUInt64()));

    private static object Value(BinaryReader reader, uint type)
    {
        switch (type)
        {
            case 4: return reader.ReadUInt32();
            case 5: return reader.ReadInt32();
            case 6: return reader.ReadSingle();
            case 7: return reader.ReadBoolean();
            case 8: return Text(reader);
            case 9:
                uint item = reader.ReadUInt32();
                return Enumerable.Range(0, (int)reader.ReadUInt64()).Select(_ => Value(reader, item)).ToArray();
            default: throw new InvalidDataException($"type {type}");
        }
    }
}
