using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Text.Bpe;

/// <summary>What is damaged is one error that names the field, and what is not implemented another.</summary>
public class TokenizerJsonTests
{
    [Fact]
    public void Missing_merges_are_named() => Damaged(file => file["model"]!.AsObject().Remove("merges"), "the field 'merges' is missing");

    [Fact]
    public void A_merge_that_makes_no_token_is_named() =>
        Damaged(file => file["model"]!["merges"]!.AsArray().Add("a b"), "merge 1 (of 'a' and 'b') names the token 'ab'");

    [Fact]
    public void A_merge_of_one_token_is_named() => Damaged(file => file["model"]!["merges"]!.AsArray().Add("ab"), "model.merges[1]");

    [Fact]
    public void Added_tokens_whose_ids_are_swapped_are_named() => Damaged(
        file =>
        {
            JsonArray added = file["added_tokens"]!.AsArray();
            (int first, int second) = ((int)added[0]!["id"]!, (int)added[1]!["id"]!);
            (added[0]!["id"], added[1]!["id"]) = (second, first);
        },
        "added_tokens[0].id");

    [Fact]
    public void A_token_that_is_added_twice_is_named() => Damaged(file => file.Add("<s>", special: true), "'<s>' is added twice");

    [Fact]
    public void A_hole_in_the_vocabulary_is_named() => Damaged(file => file["model"]!["vocab"]!["th"] = 400, "no token has the id 256");

    [Fact]
    public void An_id_beyond_reason_takes_no_memory() =>
        Damaged(file => file["model"]!["vocab"]!["th"] = 2_000_000_000, "the largest id is 2000000000");

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("\"7\"")]
    [InlineData("99999999999")]
    public void An_id_that_is_none_is_named(string id) =>
        Damaged(file => file["model"]!["vocab"]!["th"] = JsonNode.Parse(id), "model.vocab['th']");

    [Fact]
    public void Two_tokens_with_one_id_are_named() => Damaged(file => file["model"]!["vocab"]!["th"] = 5, "have the same id 5");

    [Fact]
    public void A_pattern_that_is_none_is_named() => Damaged(
        file => file["pre_tokenizer"] = TokenizerSource.Json("""{"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}"""),
        "pre_tokenizer.pattern.Regex");

    [Theory]
    [InlineData("normalizer", """{"type": "Precompiled"}""", "'normalizer.type' is Precompiled")]
    [InlineData("normalizer", """{"type": "Sequence", "normalizers": [{"type": "Nmt"}]}""", "'normalizer.normalizers[0].type' is Nmt")]
    [InlineData("normalizer", """{"type": "NFC", "new": 1}""", "'normalizer.new'")]
    [InlineData("pre_tokenizer", """{"type": "UnicodeScripts"}""", "'pre_tokenizer.type' is UnicodeScripts")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"Regex": "(a)\\1"}, "behavior": "Isolated"}""",
        "'pre_tokenizer.pattern.Regex'")]
    [InlineData("post_processor", """{"type": "Other"}""", "'post_processor.type' is Other")]
    [InlineData("decoder", """{"type": "CTC"}""", "'decoder.type' is CTC")]
    [InlineData("model", """{"type": "WordPiece", "vocab": {}}""", "'model.type' is WordPiece")]
    [InlineData("model", """{"type": "BPE", "dropout": 0.1, "vocab": {"a": 0}, "merges": []}""", "'model.dropout' is 0.1")]
    public void What_is_not_implemented_is_refused_by_the_fields_name(string field, string value, string message)
    {
        JsonObject file = TokenizerSource.ByteLevel("t h");
        file[field] = TokenizerSource.Json(value);
        Assert.Contains(message, Assert.Throws<NotSupportedException>(() => file.Tokenizer()).Message);
    }

    [Fact]
    public void Ids_may_be_left_free_before_added_tokens()
    {
        JsonObject file = TokenizerSource.ByteLevel("t h");
        file["added_tokens"] = new JsonArray();
        file["model"]!["vocab"]!["<end>"] = 300;
        Assert.Equal(301, file.Add("<end>", special: true).Tokenizer().VocabSize);
        Assert.Equal("<id 299>", file.Tokenizer().TokenText(299));
    }

    private static void Damaged(Action<JsonObject> damage, string message)
    {
        JsonObject file = TokenizerSource.ByteLevel("t h");
        damage(file);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => file.Tokenizer()).Message);
    }
}
