using System.Buffers.Binary;
using System.Text;
using MiniTransformer.IO;

namespace MiniTransformer.Tests.IO;

/// <summary>Every rule of the format, broken one at a time, then damage at random.</summary>
public sealed class SafetensorsDamageTests : IDisposable
{
    private const string Good = """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private readonly TemporaryFolder folder = new();

    private string File => folder["model.safetensors"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_undamaged_file_of_these_tests_is_read() => Assert.Null(Open(Raw(Good, 8)));

    // The header, the number of data bytes that follow it, the tensor to blame, words of the message.
    [Theory]
    [InlineData("", 0, null, "begin with '{'")]
    [InlineData(" {}", 0, null, "begin with '{'")]
    [InlineData("\uFEFF{}", 0, null, "begin with '{'")]
    [InlineData("[]", 0, null, "begin with '{'")]
    [InlineData("{", 0, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}""", 8, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{/**/"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{'w':{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"\udc00","shape":[2],"data_offsets":[0,8]}}""", 8, null, "not valid JSON")]
    [InlineData("""{"w":{"dtype":"F32","shape":[[[[2]]]],"data_offsets":[0,8]}}""", 8, "w", "holds an array")]
    [InlineData("{\"w\n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, null, "not valid JSON")]
    [InlineData("{}{}", 0, null, "not valid JSON|padding")]
    [InlineData("{}\n", 0, null, "padding")]
    [InlineData("{} \t", 0, null, "padding")]
    [InlineData("{}\0", 0, null, "not valid JSON|padding")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "w",
        "twice")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0077":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8,
        "w", "twice")]
    [InlineData("""{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "w", "dtype occurs twice")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "w", "shape occurs twice")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}""", 8, "w", "data_offsets occurs twice")]
    [InlineData("""{"__metadata__":{"a":"1","a":"1"}}""", 0, null, "'a' occurs twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__", "twice")]
    [InlineData("""{"__metadata__":[]}""", 0, null, "object of strings")]
    [InlineData("""{"__metadata__":null}""", 0, null, "object of strings")]
    [InlineData("""{"__metadata__":{"step":7}}""", 0, null, "'step' must be a string; it is a number")]
    [InlineData("""{"__metadata__":{"a":{"b":"c"}}}""", 0, null, "'a' must be a string; it is an object")]
    [InlineData("""{"w":5}""", 0, "w", "must be an object")]
    [InlineData("""{"w":null}""", 0, "w", "must be an object")]
    [InlineData("""{"w":{"shape":[2],"data_offsets":[0,8]}}""", 8, "w", "dtype is missing")]
    [InlineData("""{"w":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "w", "shape is missing")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2]}}""", 8, "w", "data_offsets is missing")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}""", 8, "w", "unknown key 'strides'")]
    [InlineData("""{"w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "w", "unknown dtype 'F99'")]
    [InlineData("""{"w":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, "w", "unknown dtype 'f32'")]
    [InlineData("""{"w":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", 8, "w", "dtype must be a string")]
    [InlineData("""{"w":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "w", "shape must be an array")]
    [InlineData("""{"w":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "w", "shape must hold numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "w", "shape holds -2")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}""", 0, "w", "shape holds -0")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "w", "shape holds 2.0")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}""", 8, "w", "shape holds 2e0")]
    [InlineData("""{"w":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}""", 8, "w", "shape holds 9223372036854775808")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, "w", "overflows")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}""", 8, "w", "overflows")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 0, "w", "overflows")]
    [InlineData("""{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "w", "whole bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "w", "needs 8 bytes; data_offsets span 4")]
    [InlineData("""{"w":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}""", 8, "w", "needs 16 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "w", "two numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "w", "two numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "w", "end before they start")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "w", "data_offsets holds -8")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8.5]}}""", 8, "w", "data_offsets holds 8.5")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "w", "a hole of 4 bytes")]
    [InlineData("""{"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12,
        "w", "a hole of 4 bytes")]
    [InlineData("""{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12,
        "w", "overlap")]
    [InlineData("""{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null,
        "overlap")]
    [InlineData("""{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", 8, "w",
        "overlap")]
    [InlineData(Good, 7, "w", "cut short")]
    [InlineData(Good, 0, "w", "cut short")]
    [InlineData(Good, 9, null, "1 bytes belong to no tensor")]
    [InlineData("{}", 1, null, "1 bytes belong to no tensor")]
    public void A_broken_rule_is_refused_by_name(string header, int dataBytes, string? tensor, string words)
    {
        SafetensorsException? e = Open(Raw(header, dataBytes));
        Assert.NotNull(e);
        Assert.StartsWith(File, e.Message, StringComparison.Ordinal);
        Assert.Contains(words.Split('|'), w => e.Message.Contains(w, StringComparison.Ordinal));
        if (tensor is not null) Assert.Equal(tensor, e.Tensor);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_shorter_than_the_header_length_is_refused(int bytes) =>
        Assert.Contains($"it has {bytes} bytes", Open(new byte[bytes])!.Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(100_000_001UL, "more than the 100000000 allowed")]
    [InlineData(ulong.MaxValue, "more than the 100000000 allowed")]
    [InlineData(1UL << 63, "more than the 100000000 allowed")]
    [InlineData(100_000_000UL, "cut short")]
    [InlineData(65UL, "cut short")]
    public void A_header_length_beyond_the_limit_or_the_file_is_refused_before_anything_is_allocated(ulong length, string words)
    {
        byte[] bytes = Raw(Good, 64 - Good.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        _ = Open(bytes); // compiles what is measured below
        long before = GC.GetAllocatedBytesForCurrentThread();
        SafetensorsException? e = Open(bytes);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
        Assert.Contains(words, e!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0xC0, 0xB7 })] // 'w' in an overlong form
    [InlineData(new byte[] { 0xE0, 0x81, 0xB7 })] // the same in three bytes
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })] // half a surrogate pair
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })] // beyond U+10FFFF
    [InlineData(new byte[] { 0x80 })]
    [InlineData(new byte[] { 0xFF })]
    public void A_header_that_is_not_strict_UTF_8_is_refused(byte[] name)
    {
        byte[] header = [.. "{\""u8, .. name, .. "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"u8];
        Assert.Contains("UTF-8", Open(Raw(header, 8))!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_stays_one_short_line_whatever_the_name()
    {
        SafetensorsException? e = Open(Raw($$$"""{"{{{new string('x', 5000)}}}\n\u001b[31m":{}}""", 0));
        Assert.True(e!.Message.Length < File.Length + 200);
        e = Open(Raw("""{"a\n\u001b[31m":{}}""", 0));
        Assert.DoesNotContain(e!.Message, char.IsControl);
    }

    [Fact]
    public void Damage_at_random_is_refused_or_harmless_and_never_anything_else()
    {
        byte[] valid;
        using (var stream = new MemoryStream())
        {
            TensorData[] tensors = [.. Enumerable.Range(0, 3).Select(i => new TensorData($"layer.{i}.weight", [2, i], new float[2 * i]))];
            SafetensorsWriter.Write(stream, tensors, new Dictionary<string, string> { ["format"] = "pt" });
            valid = stream.ToArray();
        }

        Assert.Null(Open(valid));
        byte[][] fragments = [.. new[] { "\"", "{", "}", "[", "]", ",", ":", "-1", "1e9", "99999999999999999999", "null", "\\u0000",
            "\\ud800", "é", "\"shape\"", " " }
            .Select(Encoding.UTF8.GetBytes)];
        var random = new Random(1);
        int refused = 0, accepted = 0;
        for (int trial = 0; trial < 3000; trial++)
        {
            List<byte> bytes = [.. valid];
            for (int edit = random.Next(1, 4); edit > 0 && bytes.Count > 1; edit--)
            {
                int at = random.Next(bytes.Count);
                switch (random.Next(5))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                    case 3: bytes.InsertRange(at, fragments[random.Next(fragments.Length)]); break;
                    default: bytes.RemoveRange(at, bytes.Count - at); break;
                }
            }

            // Half of the trials keep the header length right, so that damage reaches the JSON behind it.
            if (bytes.Count >= 8 && trial % 2 == 0)
                BinaryPrimitives.WriteInt64LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes),
                    Math.Max(0, bytes.Count - 8 - 24));
            if (Open([.. bytes]) is null) accepted++;
            else refused++;
        }

        Assert.True(accepted > 30 && refused > 300, $"{accepted} accepted, {refused} refused: the trials no longer reach both sides");
    }

    // Opens the file and, if that succeeds, reads every float32 tensor; the error, or null. Any other exception fails the test.
    private SafetensorsException? Open(byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File, bytes);
        try
        {
            using SafetensorsReader reader = SafetensorsReader.Open(File);
            foreach (TensorEntry entry in reader.Entries.Values.Where(e => e.Dtype == "F32"))
            {
                Assert.Equal(entry.Count, reader.ReadFloat32(entry.Name).Length);
            }
            return null;
        }
        catch (SafetensorsException e)
        {
            return e;
        }
    }

    private static byte[] Raw(string header, int dataBytes) => Raw(Encoding.UTF8.GetBytes(header), dataBytes);

    private static byte[] Raw(byte[] header, int dataBytes)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        return [.. length, .. header, .. new byte[dataBytes]];
    }
}
