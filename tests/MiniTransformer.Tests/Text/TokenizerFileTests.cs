using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text;

public sealed class TokenizerFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("tokenizer").FullName;

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
    public void A_tokenizer_of_another_tool_is_refused_with_the_way_out()
    {
        Write("""{"version":"1.0","truncation":null,"added_tokens":[],"model":{"type":"BPE","vocab":{}}}""");
        Assert.Contains("pre-tokenized data", Assert.Throws<NotSupportedException>(() => TokenizerFile.Load(folder)).Message);
        Assert.Null(TokenizerFile.Load(folder, out string? whyNone));
        Assert.Contains("not implemented", whyNone);
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
        TokenizerFile.Save(new ByteTokenizer(), folder);
        string text = File.ReadAllText(Path.Combine(folder, TokenizerFile.FileName));
        Assert.Contains(right, text);
        Write(text.Replace(right, wrong));
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
