using System.Text;
using System.Text.Json;
using MiniTransformer.Text;
using MiniTransformer.Text.Bpe;
using ByteFallback = MiniTransformer.Text.Bpe.Decoder.ByteFallback;

namespace MiniTransformer.Nn.Gguf;

/// <summary>
/// A tokenizer as llama.cpp has it: byte-level merges ("gpt2") cut by a named pattern, or pieces with scores ("llama"), where the piece of
/// the highest score is made first: the score is minus the rank of its merge. Ids that have no token are unused ones.
/// </summary>
internal static class GgufVocabulary
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;

    // Our own conversations, <role>text<end>, after the begin token.
    private const string OwnTemplate =
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}{% if add_generation_prompt "
            + "%}<assistant>{% endif %}";

    // What cuts words, as the file writes it, and llama.cpp's name for it.
    private static readonly (string Fragment, string Name)[] Patterns =
    [
        (@"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+", "llama-bpe"),
        (@"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+", "qwen2"),
        (@"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|", "gpt-4o"),
        (@"[一-龥぀-ゟ゠-ヿ]+", "deepseek-v3"),
    ];

    /// <summary>The keys of a tokenizer; of none, that there is none.</summary>
    /// <exception cref="NotSupportedException">llama.cpp has no such tokenizer.</exception>
    public static IEnumerable<(string, object)> Of(ITokenizer? tokenizer, TransformerConfig config)
    {
        if (tokenizer is null) return [("tokenizer.ggml.model", "no_vocab")];
        BpeTokenizer bpe = tokenizer as BpeTokenizer
            ?? (BpeTokenizer)BpeTokenizer.Read(Encoding.UTF8.GetBytes(ByteTokenizerFile.Content)).With(tokenizer.Tokens);
        string? template = tokenizer is ByteTokenizer ? OwnTemplate : Template(config);
        return [.. Keys(bpe, config), .. template is null ? [] : (IEnumerable<(string, object)>)[("tokenizer.chat_template", template)]];
    }

    private static IEnumerable<(string, object)> Keys(BpeTokenizer tokenizer, TransformerConfig config)
    {
        TokenizerJson json = tokenizer.Json;
        Dictionary<int, AddedToken> added = json.Added.DistinctBy(token => token.Id).ToDictionary(token => token.Id);
        string[] tokens = new string[config.VocabSize];
        int[] types = new int[config.VocabSize];
        for (int id = 0; id < tokens.Length; id++)
        {
            string? text = id < json.Texts.Length ? json.Texts[id] : null;
            tokens[id] = text ?? $"[PAD{id}]";
            types[id] = text is null ? Unused
                : text == json.Model.Unknown ? Unknown
                : tokenizer.IsSpecial(id) ? Control
                : added.ContainsKey(id) ? UserDefined
                : json.Model.ByteFallback && ByteFallback.Byte(text) is not null ? Byte : Normal;
        }

        bool bytes = json.Model.WritesBytes;
        yield return ("tokenizer.ggml.model", bytes ? "gpt2" : "llama");
        if (bytes) yield return ("tokenizer.ggml.pre", PatternName(json.Source));
        else if (!json.Model.ByteFallback)
        {
            throw new NotSupportedException("model.byte_fallback is false: llama.cpp has no such tokenizer without bytes.");
        }
        yield return ("tokenizer.ggml.tokens", tokens);
        yield return ("tokenizer.ggml.token_type", types);
        if (bytes) yield return ("tokenizer.ggml.merges", Array.ConvertAll(json.Model.Merges, merge => $"{merge.Left} {merge.Right}"));
        else
        {
            yield return ("tokenizer.ggml.scores", Scores(json, tokens, types));
            yield return ("tokenizer.ggml.add_space_prefix", tokenizer.Encode("a") is not [var only] || json.Texts[only] != "a");
        }

        // Several ends: the first, and one that ends a turn.
        Tokens special = tokenizer.Tokens;
        if (special.Begin is { } begin) yield return ("tokenizer.ggml.bos_token_id", (uint)begin);
        if (special.Ends.First is { } end) yield return ("tokenizer.ggml.eos_token_id", (uint)end);
        if (special.Ends.Count > 1) yield return ("tokenizer.ggml.eot_token_id", (uint)special.Ends[1]);
        if (special.Pad is { } pad) yield return ("tokenizer.ggml.padding_token_id", (uint)pad);
        if (json.Model.Unknown is { } unknown && Array.IndexOf(tokens, unknown) is var found and >= 0)
        {
            yield return ("tokenizer.ggml.unknown_token_id", (uint)found);
        }
        yield return ("tokenizer.ggml.add_bos_token", json.Before.Length > 0);
        yield return ("tokenizer.ggml.add_eos_token", json.After.Length > 0);
    }

    private static float[] Scores(TokenizerJson json, string[] tokens, int[] types)
    {
        Dictionary<string, int> ranks = [];
        for (int rank = 0; rank < json.Model.Merges.Length; rank++)
        {
            ranks.TryAdd(json.Model.Merges[rank].Left + json.Model.Merges[rank].Right, rank);
        }
        return [.. tokens.Select((token, id) =>
            types[id] == Normal ? -(float)ranks.GetValueOrDefault(token, json.Model.Merges.Length + id) : 0f)];
    }

    private static string PatternName(string preTokenizer)
    {
        string written = preTokenizer.Replace("\r", @"\r").Replace("\n", @"\n");
        foreach ((string fragment, string name) in Patterns)
        {
            if (written.Contains(fragment, StringComparison.Ordinal)) return name;
        }

        if (written.Contains("Split") || written.Contains("Punctuation"))
            throw new NotSupportedException("pre_tokenizer: it cuts words by a pattern that llama.cpp is not known to have a name for.");
        return written.Contains("Digits") ? "smollm" : "gpt-2";
    }

    private static string? Template(TransformerConfig config)
    {
        if (config.Companions.Find("chat_template.jinja") is { } file) return Encoding.UTF8.GetString(file);
        if (config.Companions.Find(TokenizerFile.ConfigFileName) is not { } bytes) return null;
        using JsonDocument document = JsonDocument.Parse(bytes);
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("chat_template", out JsonElement template))
        {
            return null;
        }
        if (template.ValueKind == JsonValueKind.String) return template.GetString();

        // Several by name: the one for chats.
        return template.ValueKind != JsonValueKind.Array ? null : template.EnumerateArray()
            .Where(item => item.TryGetProperty("name", out JsonElement name) && name.ValueEquals("default"))
            .Select(item => item.GetProperty("template").GetString()).FirstOrDefault();
    }
}
