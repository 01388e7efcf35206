using System.Buffers.Binary;
using System.Text;
using MiniTransformer.IO;

namespace MiniTransformer.Tests.IO;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string File => folder["model.safetensors"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_has_the_bytes_that_the_format_describes()
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, [new TensorData("w", [1, 2], new[] { 1f, -2f })], new Dictionary<string, string>());
        byte[] header = Encoding.UTF8.GetBytes("""{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}""");
        Assert.Equal(56, header.Length); // a multiple of 8 already: no padding
        byte[] expected = [56, 0, 0, 0, 0, 0, 0, 0, .. header, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0];
        Assert.Equal(expected, stream.ToArray());
    }

    [Fact]
    public void The_header_is_padded_with_spaces_so_that_data_starts_at_a_multiple_of_8()
    {
        for (int length = 1; length <= 8; length++)
        {
            using var stream = new MemoryStream();
            SafetensorsWriter.Write(stream, [new TensorData(new string('n', length), [], new[] { 1f })]);
            byte[] bytes = stream.ToArray();
            long headerLength = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            Assert.Equal(0, headerLength % 8);
            Assert.Equal(8 + headerLength + 4, bytes.Length);
        }
    }

    [Fact]
    public void What_is_written_is_read_back_bit_for_bit_in_the_order_given()
    {
        float[] matrix = [1f, float.NaN, float.NegativeInfinity, -0f, float.Epsilon, BitConverter.Int32BitsToSingle(0x7FA00001)];
        SafetensorsWriter.Write(File,
        [
            new TensorData("z \"quoted\" θ 😀", [2, 3], matrix),
            new TensorData("empty", [0, 7], Array.Empty<float>()),
            new TensorData("a", [], sink => sink([42f])),
            new TensorData("pieces", [5], sink => { sink([1f, 2f]); sink([]); sink([3f, 4f, 5f]); }),
        ], new Dictionary<string, string> { ["step"] = "7", ["note"] = "a\nb" });

        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Equal(["z \"quoted\" θ 😀", "empty", "a", "pieces"], reader.Entries.Keys);
        Assert.Equal("7", reader.Metadata["step"]);
        Assert.Equal("a\nb", reader.Metadata["note"]);
        float[] read = reader.ReadFloat32("z \"quoted\" θ 😀");
        Assert.Equal(matrix.Select(BitConverter.SingleToInt32Bits), read.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal([2, 3], reader.Entry("z \"quoted\" θ 😀").Shape);
        Assert.Empty(reader.ReadFloat32("empty"));
        Assert.Equal([42f], reader.ReadFloat32("a"));
        Assert.Equal([1f, 2f, 3f, 4f, 5f], reader.ReadFloat32("pieces"));
    }

    [Fact]
    public void Metadata_says_format_pt_unless_told_otherwise_because_transformers_asks_for_it()
    {
        SafetensorsWriter.Write(File, [new TensorData("a", [1], new[] { 1f })]);
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Equal("pt", reader.Metadata["format"]);
    }

    [Fact]
    public void The_header_may_list_tensors_in_another_order_than_their_data_and_with_white_space()
    {
        WriteRaw("""
            { "b" : { "shape" : [1], "data_offsets" : [4, 8], "dtype" : "F32" },
              "\u0061" : { "dtype" : "F32", "data_offsets" : [0, 4], "shape" : [1] } }
            """.Trim() + "   ", [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]);
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Equal(["a", "b"], reader.Entries.Keys);
        Assert.Equal([1f], reader.ReadFloat32("a"));
        Assert.Equal([2f], reader.ReadFloat32("b"));
        Assert.Empty(reader.Metadata);
    }

    [Fact]
    public void A_file_without_tensors_is_valid()
    {
        WriteRaw("{}", []);
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Empty(reader.Entries);
    }

    [Theory]
    [InlineData("BOOL", 8), InlineData("U8", 8), InlineData("I8", 8), InlineData("F8_E5M2", 8), InlineData("F8_E4M3", 8)]
    [InlineData("I16", 16), InlineData("U16", 16)]
    [InlineData("I32", 32), InlineData("U32", 32), InlineData("F64", 64), InlineData("I64", 64), InlineData("U64", 64),
        InlineData("F4", 4), InlineData("F6_E2M3", 6)]
    public void Every_dtype_of_the_format_is_known_by_its_size_but_only_F32_F16_and_BF16_are_read(string dtype, int bits)
    {
        WriteRaw($$$"""{"w":{"dtype":"{{{dtype}}}","shape":[4,2],"data_offsets":[0,{{{bits}}}]}}""", new byte[bits]);
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        SafetensorsException e = Assert.Throws<SafetensorsException>(() => reader.ReadFloat32("w"));
        Assert.Contains($"are {dtype}; F32, F16 and BF16 are read", e.Message, StringComparison.Ordinal);
        Assert.Equal("w", e.Tensor);
        Assert.Equal(File, e.File);
    }

    [Fact]
    public void Reading_asks_for_a_tensor_that_is_there_and_memory_of_its_size()
    {
        SafetensorsWriter.Write(File, [new TensorData("a", [2], new[] { 1f, 2f })]);
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Contains("'b'", Assert.Throws<SafetensorsException>(() => reader.ReadFloat32("b")).Message, StringComparison.Ordinal);
        Assert.Contains("has 3", Assert.Throws<SafetensorsException>(() => reader.ReadFloat32("a", new float[3])).Message,
            StringComparison.Ordinal);
        Assert.True(reader.Contains("a"));
        Assert.False(reader.Contains("b"));
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        Assert.Contains(File, Assert.Throws<FileNotFoundException>(() => SafetensorsReader.Open(File)).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<SafetensorsException>(() => SafetensorsReader.Open(folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("two of one name"), InlineData("reserved name"), InlineData("negative size"), InlineData("overflow"),
        InlineData("too few values")]
    [InlineData("too many values"), InlineData("half a character")]
    public void The_writer_refuses_what_would_make_a_damaged_file_and_keeps_the_old_one(string mistake)
    {
        SafetensorsWriter.Write(File, [new TensorData("old", [1], new[] { 1f })]);
        float[] one = [1f];
        TensorData[] tensors = mistake switch
        {
            "two of one name" => [new("a", [1], one), new("a", [1], one)],
            "reserved name" => [new("__metadata__", [1], one)],
            "negative size" => [new("a", [-1], one)],
            "overflow" => [new("a", [1L << 31, 1L << 31], one)],
            "too few values" => [new("a", [2], one)],
            "too many values" => [new("a", [], sink => { sink(one); sink(one); })],
            _ => [new("\uD800", [1], one)],
        };
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(File, tensors));
        using SafetensorsReader reader = SafetensorsReader.Open(File);
        Assert.Equal(["old"], reader.Entries.Keys);
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    private void WriteRaw(string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        System.IO.File.WriteAllBytes(File, [.. length, .. text, .. data]);
    }
}
