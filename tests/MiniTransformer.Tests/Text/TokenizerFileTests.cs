using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text;

public sealed class TokenizerFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("tokenizer").FullName;

    private const string Older = """
        {"type": "byte", "vocab_size": 262, "begin": 256, "end": 257, "pad": 258, "system": 259, "user": 260, "assistant": 261}
        """;

    private string Saved()
    {
        TokenizerFile.Save(new ByteTokenizer(), folder);
        return Path.Combine(folder, TokenizerFile.FileName);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_saved_tokenizer_is_loaded_again()
    {
        TokenizerFile.Save(new ByteTokenizer(), folder);
        Assert.IsType<ByteTokenizer>(TokenizerFile.Load(folder));
    }

    [Fact]
    public void A_folder_without_tokenizer_has_none()
    {
        Assert.Null(TokenizerFile.Load(folder));
        Assert.Null(TokenizerFile.Load(folder, out string? whyNone));
        Assert.Contains("has no tokenizer.json", whyNone);
    }

    [Fact]
    public void A_tokenizer_of_another_kind_is_refused_by_the_fields_name_with_the_way_out()
    {
        Write("""{"version":"1.0","added_tokens":[],"model":{"type":"Unigram","vocab":[]}}""");
        Assert.Contains("pre-tokenized data", Assert.Throws<NotSupportedException>(() => TokenizerFile.Load(folder)).Message,
            StringComparison.OrdinalIgnoreCase);
        Assert.Null(TokenizerFile.Load(folder, out string? whyNone));
        Assert.Contains("'model.type' is Unigram", whyNone);
    }

    [Fact]
    public void The_byte_tokenizers_file_is_byte_pair_encoding_with_the_same_ids()
    {
        TokenizerFile.Save(new ByteTokenizer(), folder);
        var read = BpeTokenizer.Read(File.ReadAllBytes(Path.Combine(folder, TokenizerFile.FileName)), "<end>", "<pad>");
        var bytes = new ByteTokenizer();
        Assert.Equal((bytes.VocabSize, bytes.Tokens), (read.VocabSize, read.Tokens));
        foreach (string text in new[] { "", "Hello, world\r\n\t 123", "héllo 😀 漢字 <end>", "<begin><user>\0\u00A0" })
        {
            Assert.Equal(bytes.Encode(text), read.Encode(text));
            Assert.Equal(bytes.EncodeWhole(text), read.EncodeWhole(text));
            Assert.Equal(bytes.Tokenize(text, markup: true), read.Tokenize(text, markup: true));
            Assert.Equal(bytes.Decode(bytes.EncodeWhole(text)), read.Decode(bytes.EncodeWhole(text)));
        }

        Assert.All(Enumerable.Range(0, bytes.VocabSize), id => Assert.Equal(bytes.TokenText(id), read.TokenText(id)));
    }

    [Fact]
    public void The_form_that_was_written_before_is_read()
    {
        Write(Older);
        Assert.IsType<ByteTokenizer>(TokenizerFile.Load(folder));
    }

    [Fact]
    public void What_ends_a_response_is_read_from_the_file_beside_it()
    {
        string ours = File.ReadAllText(Saved()).Replace("<user>", "<human>");
        Write(ours);
        File.WriteAllText(Path.Combine(folder, TokenizerFile.ConfigFileName),
            """{"eos_token": {"content": "<end>"}, "pad_token": "<pad>"}""");
        Assert.Equal(new Tokens(256, 257, 258), Assert.IsType<BpeTokenizer>(TokenizerFile.Load(folder)).Tokens);
    }

    [Theory]
    [InlineData("\"end\": 257", "\"end\": 2", "'end' is 2")]
    [InlineData("\"pad\": 258", "\"pad\": \"258\"", "'pad' is \"258\"")]
    [InlineData("\"begin\": 256,", "", "'begin' is missing")]
    [InlineData("\"byte\"", "\"bpe\"", "'type' is \"bpe\"")]
    [InlineData("\"type\": \"byte\"", "\"type\": \"byte\", \"merges\": []", "unknown field 'merges'")]
    [InlineData("\"type\": \"byte\",", "", "'type' is missing")]
    public void A_field_that_does_not_fit_is_named(string right, string wrong, string message)
    {
        Assert.Contains(right, Older);
        Write(Older.Replace(right, wrong));
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => TokenizerFile.Load(folder)).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"type\":\"byte\"} x")]
    public void A_damaged_file_is_refused(string text)
    {
        Write(text);
        Assert.Throws<InvalidDataException>(() => TokenizerFile.Load(folder));
    }

    private void Write(string text) => File.WriteAllText(Path.Combine(folder, TokenizerFile.FileName), text);
}
