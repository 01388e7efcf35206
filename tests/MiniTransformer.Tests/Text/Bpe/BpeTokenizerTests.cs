using System.Text.Json.Nodes;
using FsCheck.Xunit;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Text.Bpe;

public class BpeTokenizerTests
{
    private static readonly string[] Merges = ["t h", "th e", "Ġ the", "i n", "Ġ a", "in g", "a a", "aa aa", "Ġ Ġ"];

    private static readonly BpeTokenizer ByteLevel = TokenizerSource.ByteLevel(Merges).Tokenizer();

    private static readonly BpeTokenizer Fallback = TokenizerSource.Fallback("▁theabc", "t h", "th e", "▁ the", "▁ a", "a b", "▁ ▁")
        .Tokenizer();

    private static string[] Shown(BpeTokenizer tokenizer, IEnumerable<int> ids) => [.. ids.Select(tokenizer.TokenText)];

    [Fact]
    public void Neighbours_are_merged_in_the_order_of_rank() =>
        Assert.Equal(["the", " the", "ing", "aaaa", "a", " a", "!"], Shown(ByteLevel, ByteLevel.Encode("the theingaaaaa a!")));

    // The definition: merge the leftmost pair of the lowest rank until there is none. The tokenizer cuts, remembers and keeps a heap.
    [Property(MaxTest = 300)]
    public bool Merges_are_those_of_the_definition(byte[] letters, int repeat)
    {
        string text = string.Concat(Enumerable.Repeat(string.Concat(letters.Select(b => "▁theabc"[b % 7])), 1 + Math.Abs(repeat % 30)));
        if (text.Length == 0) return true;
        string[] merges = ["t h", "th e", "▁ the", "▁ a", "a b", "▁ ▁"];
        List<string> symbols = [.. text.Select(c => c.ToString())];
        while (true)
        {
            (int Rank, int At) best = Enumerable.Range(0, symbols.Count - 1)
                .Select(i => (Rank: Array.IndexOf(merges, symbols[i] + " " + symbols[i + 1]), At: i))
                .Where(pair => pair.Rank >= 0).DefaultIfEmpty((-1, -1)).Min();
            if (best.At < 0) break;
            symbols[best.At] += symbols[best.At + 1];
            symbols.RemoveAt(best.At + 1);
        }

        return symbols.SequenceEqual(Fallback.EncodeContinuation(text).Select(id => Fallback.TokenText(id).Replace(' ', '▁')));
    }

    [Property(MaxTest = 300)]
    public bool Decoding_undoes_encoding_for_any_Unicode_text(int[] codePoints)
    {
        string text = ByteTokenizerTests.UnicodeText(codePoints);
        return ByteLevel.Decode(ByteLevel.Encode(text)) == text && Fallback.Decode(Fallback.Encode(text)) == text.Replace('▁', ' ')
            && Fallback.DecodeContinuation(Fallback.EncodeContinuation(text)) == text.Replace('▁', ' ');
    }

    [Property(MaxTest = 300)]
    public bool Tokens_cover_the_text_from_left_to_right(int[] codePoints)
    {
        string text = ByteTokenizerTests.UnicodeText(codePoints);
        foreach (BpeTokenizer tokenizer in new[] { ByteLevel, Fallback })
        {
            TextToken[] tokens = tokenizer.Tokenize(text, markup: false);
            if (!tokens.Select(token => token.Id).SequenceEqual(tokenizer.Encode(text))) return false;
            int covered = 0;
            foreach (TextToken token in tokens)
            {
                if (token.Start > covered || token.End < token.Start || token.End > text.Length) return false;
                covered = token.End;
            }

            if (covered != text.Length) return false;
        }

        return true;
    }

    [Fact]
    public void A_character_without_token_is_its_bytes() =>
        Assert.Equal(["<s>", " the", "<0xC3>", "<0xA9>"], Shown(Fallback, Fallback.EncodePrompt("theé")));

    [Theory]
    [InlineData(true, "a ? b ?")]
    [InlineData(false, "a ? ? b ?")]
    public void Unknown_characters_are_fused_where_the_file_says_so(bool fuse, string expected)
    {
        JsonObject file = TokenizerSource.Fallback("▁ab");
        file["model"]!["byte_fallback"] = false;
        file["model"]!["fuse_unk"] = fuse;
        BpeTokenizer tokenizer = file.Tokenizer();
        Assert.Equal(expected, string.Join(' ', Shown(tokenizer, tokenizer.EncodeContinuation("axybz"))).Replace("<unk>", "?"));
    }

    [Fact]
    public void A_text_that_has_no_token_is_refused_by_its_character()
    {
        JsonObject file = TokenizerSource.Fallback("▁ab");
        file["model"]!["byte_fallback"] = false;
        file["model"]!["unk_token"] = null;
        Assert.Contains("'é' (U+00E9)", Assert.Throws<ArgumentException>(() => file.Tokenizer().Encode("é")).Message);
    }

    [Fact]
    public void Text_in_data_never_makes_a_special_token_and_markup_does()
    {
        foreach (BpeTokenizer tokenizer in new[] { ByteLevel, Fallback })
        {
            Assert.DoesNotContain(tokenizer.Encode("a<s>the</s>"), tokenizer.IsSpecial);
            Assert.Equal("a<s>the", tokenizer.Decode(tokenizer.Encode("a<s>the")));
            Assert.Contains("<s>", Shown(tokenizer, tokenizer.EncodeWhole("a<s>the")));
            Assert.Contains(new TextToken(tokenizer.EncodeWhole("<s>")[0], 1, 4), tokenizer.Tokenize("a<s>the", markup: true));
        }

        Assert.Contains("[tool]", Shown(ByteLevel, ByteLevel.Encode("a[tool]b")));
    }

    // Merges, or a whole word that is a token, could spell a special token; for data they do not.
    [Fact]
    public void A_special_token_that_the_merges_could_make_is_not_made()
    {
        JsonObject file = TokenizerSource.ByteLevel("< s", "<s >");
        file["added_tokens"] = new JsonArray();
        file.Add("<s>", special: true);
        file["model"]!["ignore_merges"] = true;
        file["pre_tokenizer"]!["use_regex"] = false;
        BpeTokenizer tokenizer = file.Tokenizer();
        Assert.Equal(["<s", ">"], Shown(tokenizer, tokenizer.Encode("<s>")));
        Assert.Equal(["<s>"], Shown(tokenizer, tokenizer.EncodeWhole("<s>")));
    }

    [Fact]
    public void A_completion_goes_on_where_its_prompt_ended()
    {
        Assert.Equal(["<s>", " the"], Shown(Fallback, Fallback.EncodePrompt("the")));
        int[] response = Fallback.EncodeContinuation("the ab");
        Assert.Equal(["the", " a", "b"], Shown(Fallback, response));
        Assert.Equal(" ab", Fallback.DecodeContinuation(Fallback.EncodeContinuation(" ab")));
        Assert.Equal("ab", Fallback.Decode(Fallback.Encode("ab")));
        Assert.Equal(2, Fallback.Tokens.Ends.First);
        Assert.Equal([.. response, 2], ((ITokenizer)Fallback).EncodeResponse("the ab"));
    }

    [Theory]
    [InlineData("{\"lstrip\": true}", "a  [x]  b", 1, 6)]
    [InlineData("{\"rstrip\": true}", "a  [x]  b", 3, 8)]
    [InlineData("{\"lstrip\": true, \"rstrip\": true}", "a  [x]  b", 1, 8)]
    [InlineData("{\"single_word\": true}", "a[x] [x]", 5, 8)]
    [InlineData("{\"normalized\": true}", "a [x]", 2, 5)]
    public void Flags_of_added_tokens_hold(string flags, string text, int start, int end)
    {
        BpeTokenizer tokenizer = TokenizerSource.ByteLevel().Add("[x]", special: false, flags).Tokenizer();
        TextToken found = Assert.Single(tokenizer.Tokenize(text, markup: false), token => tokenizer.TokenText(token.Id) == "[x]");
        Assert.Equal((start, end), (found.Start, found.End));
    }

    // Two line feeds that are a token and take the white space after them: what they took is none of the text that follows.
    [Fact]
    public void White_space_goes_to_one_token_where_it_strips_on_both_sides()
    {
        BpeTokenizer tokenizer = TokenizerSource.ByteLevel().Add("\n\n", special: false, """{"lstrip": true, "rstrip": true}""")
            .Tokenizer();
        Assert.Equal([(0, 1), (1, 9), (9, 10)], tokenizer.Tokenize("a \n\n\n\n\n\n b", markup: false)
            .Select(token => (token.Start, token.End)));
    }

    [Theory]
    [InlineData("""{"type": "Digits", "individual_digits": true}""", "ab12 c", "ab|1|2| c")]
    [InlineData("""{"type": "Digits", "individual_digits": false}""", "ab12 c", "ab|12| c")]
    [InlineData("""{"type": "Punctuation"}""", "a,b..c", "a|,|b|.|.|c")]
    [InlineData("""{"type": "Punctuation", "behavior": "Contiguous"}""", "a,b..c", "a|,|b|..|c")]
    [InlineData("""{"type": "Whitespace"}""", "ab, c!? d", "ab|,|c|!?|d")]
    [InlineData("""{"type": "WhitespaceSplit"}""", "ab, c!? d", "ab,|c!?|d")]
    [InlineData("""{"type": "CharDelimiterSplit", "delimiter": "-"}""", "a-b--c", "a|b|c")]
    [InlineData("""{"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}""", "a b  c", "a |b | |c")]
    [InlineData("""{"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext"}""", "a b  c", "a| b| | c")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "[a-z]+"}, "behavior": "Removed", "invert": true}""", "ab 1 cd", "ab|cd")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}""", "ab c", "▁ab|▁c")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false}""", "ab c", "ab▁c")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits"}]}""", "a1 22b", "a|1|22|b")]
    public void Words_are_cut_as_the_file_says(string preTokenizer, string text, string expected)
    {
        // Every word that may come is a token, and whole words are taken as they are: the tokens are the words.
        string[] words = expected.Split('|');
        JsonObject file = TokenizerSource.Fallback("▁");
        file["normalizer"] = null;
        file["pre_tokenizer"] = TokenizerSource.Json(preTokenizer);
        file["model"]!["ignore_merges"] = true;
        foreach (string word in words) file["model"]!["vocab"]!.AsObject().TryAdd(word, file["model"]!["vocab"]!.AsObject().Count);
        BpeTokenizer tokenizer = file.Tokenizer();
        Assert.Equal(words, tokenizer.Encode(text)
            .Select(id => file["model"]!["vocab"]!.AsObject().Single(token => (int)token.Value! == id).Key));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("ab ")]
    [InlineData("\u0301\u0323")]
    public void A_long_text_of_one_kind_ends(string part)
    {
        string text = string.Concat(Enumerable.Repeat(part, 300_000 / part.Length));
        JsonObject normalized = TokenizerSource.ByteLevel(Merges);
        normalized["normalizer"] = TokenizerSource.Json("""{"type": "NFC"}""");
        Assert.NotEmpty(normalized.Tokenizer().Encode(text));
        Assert.Equal(text, Fallback.Decode(Fallback.Encode(text)));
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        int[] alone = ByteLevel.Encode("the thing is a thing");
        Parallel.For(0, 200, i => Assert.Equal(alone, ByteLevel.Encode("the thing is a thing")));
    }
}
