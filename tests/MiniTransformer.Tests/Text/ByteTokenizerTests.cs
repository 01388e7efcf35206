using System.Text;
using FsCheck.Xunit;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text;

public class ByteTokenizerTests
{
    private static readonly ITokenizer Tokenizer = new ByteTokenizer();

    [Property(MaxTest = 500)]
    public bool Decoding_undoes_encoding_for_any_Unicode_text(int[] codePoints)
    {
        string text = UnicodeText(codePoints);
        return Tokenizer.Decode(Tokenizer.Encode(text)) == text;
    }

    [Property(MaxTest = 500)]
    public bool Ids_of_text_are_its_UTF8_bytes_and_never_special(int[] codePoints)
    {
        string text = UnicodeText(codePoints);
        int[] ids = Tokenizer.Encode(text);
        return ids.SequenceEqual(Encoding.UTF8.GetBytes(text).Select(b => (int)b)) && !ids.Any(Tokenizer.IsSpecial);
    }

    [Theory]
    [InlineData("<end>")]
    [InlineData("<begin><pad><user>hi<assistant><system>")]
    [InlineData("</s><|im_end|>\0")]
    public void Special_tokens_typed_as_text_stay_text(string typed)
    {
        int[] ids = Tokenizer.Encode(typed);
        Assert.All(ids, id => Assert.InRange(id, 0, 255));
        Assert.Equal(typed, Tokenizer.Decode(ids));
    }

    [Fact]
    public void Markup_is_read_where_it_is_asked_for_and_every_token_names_its_characters()
    {
        const string text = "<user>é😀<end>";
        TextToken[] markup = Tokenizer.Tokenize(text, markup: true);
        Assert.Equal([260, 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80, 257], markup.Select(t => t.Id));
        Assert.Equal([(0, 6), (6, 7), (6, 7), (7, 9), (7, 9), (7, 9), (7, 9), (9, 14)], markup.Select(t => (t.Start, t.End)));
        Assert.Equal(Tokenizer.Encode(text), Tokenizer.Tokenize(text, markup: false).Select(t => t.Id));
        Assert.Equal([256, .. markup.Select(t => t.Id)], Tokenizer.EncodeWhole(text));
    }

    [Fact]
    public void Begin_end_and_pad_are_three_different_ids_inside_the_vocabulary()
    {
        int[] special = [ByteTokenizer.Begin, ByteTokenizer.End, ByteTokenizer.Pad, Tokenizer.RoleId("system")!.Value,
            Tokenizer.RoleId("user")!.Value,
            Tokenizer.RoleId("assistant")!.Value];
        Assert.Equal([256, 257, 258, 259, 260, 261], special);
        Assert.All(special, id => Assert.True(Tokenizer.IsSpecial(id) && id < Tokenizer.VocabSize));
        Assert.Equal(262, Tokenizer.VocabSize);
        Assert.Null(Tokenizer.RoleId("tool"));
    }

    [Fact]
    public void Decoding_skips_special_tokens_and_marks_bytes_that_are_no_text()
    {
        Assert.Equal("ab", Tokenizer.Decode([256, 'a', 258, 'b', 257]));
        Assert.Equal("a\uFFFD", Tokenizer.Decode(['a', 0xC3]));
        Assert.Equal("", Tokenizer.Decode([]));
    }

    [Fact]
    public void Every_token_is_shown_by_a_text_of_its_own()
    {
        string[] texts = Enumerable.Range(0, Tokenizer.VocabSize).Select(Tokenizer.TokenText).ToArray();
        Assert.Equal(texts.Length, texts.Distinct().Count());
        Assert.Equal(("a", "<0x0A>", "<0xFF>", "<end>", "<assistant>"), (texts['a'], texts['\n'], texts[255], texts[257], texts[261]));
    }

    [Fact]
    public void An_id_outside_the_vocabulary_is_refused()
    {
        Assert.Contains("262", Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.Decode([97, 262])).Message);
        Assert.Contains("-1", Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.TokenText(-1)).Message);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused_by_its_place()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => Tokenizer.Encode("ab\uD83D."));
        Assert.Contains("U+D83D", e.Message);
        Assert.Contains("character 3", e.Message);
    }

    // Any code points at all: FsCheck's own strings are mostly short and near ASCII.
    internal static string UnicodeText(int[] codePoints)
    {
        StringBuilder text = new();
        foreach (int c in codePoints)
        {
            int spread = (int)((uint)(c * 2654435761L) % 0x110000);
            foreach (int point in new[] { c & 0x7FF, spread })
            {
                if (Rune.IsValid(point)) text.Append(new Rune(point));
            }
        }

        return text.ToString();
    }
}
