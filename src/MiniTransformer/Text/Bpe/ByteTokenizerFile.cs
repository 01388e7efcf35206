using System.Text.Json;

namespace MiniTransformer.Text.Bpe;

/// <summary>
/// The byte tokenizer as a tokenizer.json: byte-pair encoding with 256 tokens and no merge, whose ids are the bytes. Hugging Face's library
/// loads it and gives the same ids. The form that was written before, <c>{"type": "byte", …}</c>, is read too.
/// </summary>
internal static class ByteTokenizerFile
{
    // What the older form says: all of it is checked.
    private static readonly (string Field, int Value)[] OlderFields =
    [
        ("vocab_size", 262), ("begin", ByteTokenizer.Begin), ("end", ByteTokenizer.End), ("pad", ByteTokenizer.Pad),
        ("system", ByteTokenizer.SystemRole), ("user", ByteTokenizer.UserRole), ("assistant", ByteTokenizer.AssistantRole),
    ];

    private static readonly JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file.</summary>
    public static string Content { get; } = Write();

    /// <summary>Whether a file is the byte tokenizer's, in either form.</summary>
    /// <exception cref="InvalidDataException">It is of the older form, and something in it is not the byte tokenizer's; the message names
    /// the field.</exception>
    public static bool TryRead(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"needed is a JSON object, and it is {root.ValueKind}.");
        if (!root.TryGetProperty("model", out _) && !root.TryGetProperty("added_tokens", out _))
        {
            CheckOlder(root);
            return true;
        }

        using JsonDocument own = JsonDocument.Parse(Content);
        return JsonElement.DeepEquals(root, own.RootElement);
    }

    private static string Write()
    {
        const string plain = "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false";
        ITokenizer tokenizer = new ByteTokenizer();
        string vocabulary = string.Join(",\n", Enumerable.Range(0, 256)
            .Select(value => $"      {Quoted(ByteAlphabet.Of(value).ToString())}: {value}"));
        string added = string.Join(",\n", Enumerable.Range(256, tokenizer.VocabSize - 256).Select(id =>
            $$"""    {"id": {{id}}, "content": {{Quoted(tokenizer.TokenText(id))}}, {{plain}}, "special": true}"""));
        const string bytes = """{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}""";
        const string begin = """{"SpecialToken": {"id": "<begin>", "type_id": 0}}""", text = """{"Sequence": {"id": "A", "type_id": 0}}""";
        string second = $"{begin.Replace("\"type_id\": 0", "\"type_id\": 1")}, "
            + $"{text.Replace("\"A\", \"type_id\": 0", "\"B\", \"type_id\": 1")}";
        return $$$"""
            {
              "version": "1.0",
              "truncation": null,
              "padding": null,
              "added_tokens": [
            {{{added}}}
              ],
              "normalizer": null,
              "pre_tokenizer": {{{bytes}}},
              "post_processor": {
                "type": "TemplateProcessing",
                "single": [{{{begin}}}, {{{text}}}],
                "pair": [{{{begin}}}, {{{text}}}, {{{second}}}],
                "special_tokens": {"<begin>": {"id": "<begin>", "ids": [256], "tokens": ["<begin>"]}}
              },
              "decoder": {{{bytes}}},
              "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": {
            {{{vocabulary}}}
                },
                "merges": []
              }
            }

            """;
    }

    private static string Quoted(string text) => JsonSerializer.Serialize(text, Relaxed);

    private static void CheckOlder(JsonElement root)
    {
        if (!root.TryGetProperty("type", out JsonElement type))
        {
            throw new InvalidDataException("field 'type' is missing; needed is \"byte\", or 'model' as Hugging Face writes it.");
        }
        if (type.ValueKind != JsonValueKind.String || !type.ValueEquals("byte"))
            throw new InvalidDataException($"field 'type' is {type.GetRawText()}; the type that is implemented is \"byte\".");
        foreach ((string field, int value) in OlderFields)
        {
            if (!root.TryGetProperty(field, out JsonElement found))
            {
                throw new InvalidDataException($"field '{field}' is missing; needed is {value}.");
            }
            if (found.ValueKind != JsonValueKind.Number || !found.TryGetInt32(out int number) || number != value)
                throw new InvalidDataException($"field '{field}' is {found.GetRawText()}; the byte tokenizer's is {value}.");
        }

        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (property.Name != "type" && !OlderFields.Any(f => f.Field == property.Name))
                throw new InvalidDataException($"unknown field '{property.Name}'.");
        }
    }
}
