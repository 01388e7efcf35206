using System.Text;
using System.Text.Json.Nodes;
using MiniTransformer.Text;
using MiniTransformer.Text.Bpe;

namespace MiniTransformer.Tests.Text.Bpe;

/// <summary>Small tokenizer.json files, of which a test changes what it is about.</summary>
internal static class TokenizerSource
{
    /// <summary>Byte-level: 256 bytes, some merges, the added tokens &lt;s&gt; (special) and [tool] (not).</summary>
    public static JsonObject ByteLevel(params string[] merges)
    {
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(b => ByteAlphabet.Of(b).ToString()),
            .. merges.Select(merge => merge.Replace(" ", ""))];
        JsonObject file = File(tokens, merges);
        file["pre_tokenizer"] = Json("""{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}""");
        file["decoder"] = Json("""{"type": "ByteLevel"}""");
        return Add(Add(file, "<s>", special: true), "[tool]", special: false);
    }

    /// <summary>
    /// As Llama 2's: &lt;unk&gt; &lt;s&gt; &lt;/s&gt;, 256 bytes, some characters, some merges; a ▁ before a text, begin token before it.
    /// </summary>
    public static JsonObject Fallback(string characters, params string[] merges)
    {
        List<string> tokens =
        [
            "<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"), .. characters.Select(c => c.ToString()),
            .. merges.Select(merge => merge.Replace(" ", "")),
        ];
        JsonObject file = File(tokens, merges);
        file["model"]!["byte_fallback"] = true;
        file["model"]!["fuse_unk"] = true;
        file["model"]!["unk_token"] = "<unk>";
        file["normalizer"] = Json("""
            {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
            """);
        file["post_processor"] = Json("""
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
            """);
        file["decoder"] = Json("""
            {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
             {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
            """);
        return Add(Add(Add(file, "<unk>", true), "<s>", true), "</s>", true);
    }

    /// <summary>Adds a token, after all that are there or with the id that the vocabulary gives it.</summary>
    public static JsonObject Add(this JsonObject file, string content, bool special, string flags = "{}")
    {
        JsonObject vocabulary = file["model"]!["vocab"]!.AsObject();
        JsonArray added = file["added_tokens"]!.AsArray();
        int next = Math.Max(vocabulary.Count, added.Select(token => (int)token!["id"]! + 1).DefaultIfEmpty(0).Max());
        JsonObject token = new()
        {
            ["id"] = (int?)vocabulary[content]
            ?? next,
            ["content"] = content,
            ["special"] = special,
            ["normalized"] = false
        };
        foreach ((string name, JsonNode? value) in Json(flags)) token[name] = value!.DeepClone();
        added.Add(token);
        return file;
    }

    /// <summary>The file's tokenizer.</summary>
    public static BpeTokenizer Tokenizer(this JsonObject file) => BpeTokenizer.Read(Encoding.UTF8.GetBytes(file.ToJsonString()), "</s>");

    /// <summary>An object from its text.</summary>
    public static JsonObject Json(string text) => JsonNode.Parse(text)!.AsObject();

    private static JsonObject File(List<string> tokens, string[] merges)
    {
        var vocabulary = new JsonObject();
        foreach (string token in tokens) vocabulary.TryAdd(token, vocabulary.Count);
        JsonArray list = [.. merges.Select(merge => (JsonNode)merge)];
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = list },
        };
    }
}
