using System.Text.Json;

namespace MiniTransformer.Text.Bpe;

/// <summary>
/// What a tokenizer.json of byte-pair encoding says, read and checked; truncation and padding, which are a batch's, are left alone.
/// </summary>
internal sealed class TokenizerJson
{
    /// <summary>The model.</summary>
    public BytePairSettings Model { get; }

    /// <summary>The added tokens, in the order of the file.</summary>
    public AddedToken[] Added { get; }

    /// <summary>The normalizer, if there is one.</summary>
    public Normalizer? Normalizer { get; }

    /// <summary>The pre-tokenizer, if there is one.</summary>
    public PreTokenizer? PreTokenizer { get; }

    /// <summary>The strings in the pre-tokenizer: types and patterns.</summary>
    public string Source { get; }

    /// <summary>The decoder, if there is one.</summary>
    public Decoder? Decoder { get; }

    /// <summary>What the post-processor puts before a text.</summary>
    public int[] Before { get; private set; } = [];

    /// <summary>What the post-processor puts after a text.</summary>
    public int[] After { get; private set; } = [];

    /// <summary>Every token's text by its id; null where an id has none.</summary>
    public string?[] Texts { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="NotSupportedException">It uses what is not implemented; the message names the field.</exception>
    /// <exception cref="InvalidDataException">It is damaged; the message names the field.</exception>
    public TokenizerJson(JsonElement root)
    {
        var file = new JsonField(root, "");
        JsonField model = file["model"];
        string type = model.Optional("type")?.Text ?? "BPE";
        if (type != "BPE") throw model["type"].Refused(type, "BPE");
        Normalizer = file.Optional("normalizer") is { } normalizer ? TokenizerParts.ReadNormalizer(normalizer) : null;
        PreTokenizer = TokenizerParts.ReadPreTokenizer(file.Optional("pre_tokenizer"), out bool writesBytes);
        Source = file.Optional("pre_tokenizer") is { } cuts ? string.Join('\n', Strings(cuts.Value)) : "";
        Decoder = file.Optional("decoder") is { } decoder ? TokenizerParts.ReadDecoder(decoder) : null;
        Model = ReadModel(model) with { WritesBytes = writesBytes };
        Added = ReadAdded(file, Model.Vocabulary);
        Texts = ListTexts(model);
        if (file.Optional("post_processor") is { } processor) ReadProcessor(processor);
    }

    private static IEnumerable<string> Strings(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(property => Strings(property.Value)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Strings),
        JsonValueKind.String => [value.GetString()!],
        _ => [],
    };

    private static BytePairSettings ReadModel(JsonField field)
    {
        field.Only("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
            "vocab", "merges");
        if (field.Optional("dropout") is { } dropout && dropout.Value.ValueKind == JsonValueKind.Number && dropout.Value.GetDouble() != 0)
            throw dropout.Refused(dropout.Value.GetRawText(), "0");
        JsonField vocab = field["vocab"];
        if (vocab.Value.ValueKind != JsonValueKind.Object) throw vocab.Wrong("needed is an object of tokens and their ids");
        Dictionary<string, int> vocabulary = [];
        foreach (JsonProperty token in vocab.Value.EnumerateObject())
        {
            int id = new JsonField(token.Value, $"model.vocab['{token.Name}']").Number;
            if (!vocabulary.TryAdd(token.Name, id)) throw vocab.Wrong($"the token '{token.Name}' is there twice");
        }

        if (vocabulary.Count == 0) throw vocab.Wrong("it is empty");
        return new BytePairSettings
        {
            Vocabulary = vocabulary,
            Merges = ReadMerges(field["merges"]),
            Unknown = field.Optional("unk_token")?.Text,
            Prefix = field.Optional("continuing_subword_prefix")?.Text ?? "",
            Suffix = field.Optional("end_of_word_suffix")?.Text ?? "",
            FuseUnknown = field.Flag("fuse_unk", false),
            ByteFallback = field.Flag("byte_fallback", false),
            IgnoreMerges = field.Flag("ignore_merges", false),
        };
    }

    // "a b" in older files, ["a", "b"] in newer ones, whose tokens may hold spaces.
    private static (string Left, string Right)[] ReadMerges(JsonField field) => [.. field.Items.Select(merge =>
    {
        string[] parts = merge.Value.ValueKind == JsonValueKind.Array ? [.. merge.Items.Select(part => part.Text)] : merge.Text.Split(' ');
        return parts.Length == 2 ? (parts[0], parts[1]) : throw merge.Wrong($"a merge is of two tokens, and here are {parts.Length}");
    })];

    // The id of an added token is the vocabulary's, or the next one after it: what the file states must agree.
    private static AddedToken[] ReadAdded(JsonField file, Dictionary<string, int> vocabulary)
    {
        List<AddedToken> tokens = [];
        HashSet<string> contents = [];
        int highest = -1;
        foreach (JsonField field in file.Optional("added_tokens")?.Items ?? [])
        {
            field.Only("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
            string content = field["content"].Text;
            if (content.Length == 0) continue;
            int id = field["id"].Number;
            if (!contents.Add(content)) throw field.Wrong($"the token '{content}' is added twice");
            bool known = vocabulary.TryGetValue(content, out int place);
            if (!known) place = Math.Max(highest + 1, vocabulary.Count);
            if (id != place)
            {
                throw field["id"].Wrong($"'{content}' has the id {id} here, and " + (known
                    ? $"{place} in model.vocab"
                    : $"the next id after the vocabulary and the added tokens before it is {place}"));
            }

            highest = Math.Max(highest, id);
            bool special = field.Flag("special", false);
            tokens.Add(new AddedToken(content, id, special, field.Flag("lstrip", false), field.Flag("rstrip", false),
                field.Flag("normalized", !special), field.Flag("single_word", false)));
        }

        return [.. tokens];
    }

    // Ids without a token are left free where only added tokens follow (as GPT-4o's), else a piece of the vocabulary is lost.
    private string?[] ListTexts(JsonField model)
    {
        HashSet<string> added = [.. Added.Select(token => token.Content)];
        IEnumerable<(string Text, int Id)> all = Model.Vocabulary.Select(token => (token.Key, token.Value))
            .Concat(Added.Select(token => (token.Content, token.Id)));
        int ordinary = Model.Vocabulary.Where(token => !added.Contains(token.Key)).Select(token => token.Value).DefaultIfEmpty(-1).Max();
        int size = Math.Max(ordinary, Added.Select(token => token.Id).DefaultIfEmpty(-1).Max()) + 1;
        if (size > 2L * (Model.Vocabulary.Count + Added.Length) + 1000)
            throw model["vocab"].Wrong($"the largest id is {size - 1}, and there are only {Model.Vocabulary.Count + Added.Length} tokens");
        string?[] texts = new string?[size];
        foreach ((string text, int id) in all)
        {
            if (texts[id] is { } other && other != text) throw model["vocab"].Wrong($"'{other}' and '{text}' have the same id {id}");
            texts[id] = text;
        }

        int hole = Array.IndexOf(texts, null);
        return hole < 0 || hole > ordinary
            ? texts
            : throw model["vocab"].Wrong($"no token has the id {hole}, and there are ids up to {ordinary}");
    }

    private void ReadProcessor(JsonField field)
    {
        switch (field["type"].Text)
        {
            case "Sequence":
                field.Only("processors");
                foreach (JsonField step in field["processors"].Items) ReadProcessor(step);
                return;
            case "ByteLevel":
                // It moves the limits of tokens, and no token.
                field.Only("add_prefix_space", "trim_offsets", "use_regex");
                return;
            case "TemplateProcessing":
                ReadTemplate(field);
                return;
            case "RobertaProcessing" or "BertProcessing":
                field.Only("sep", "cls", "trim_offsets", "add_prefix_space");
                Before = [Id(field["cls"].Items.Last()), .. Before];
                After = [.. After, Id(field["sep"].Items.Last())];
                return;
            default:
                throw field["type"].Refused(field["type"].Text,
                    "Sequence, ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing");
        }
    }

    private void ReadTemplate(JsonField field)
    {
        field.Only("single", "pair", "special_tokens");
        List<int> before = [], after = [];
        bool seen = false;
        foreach (JsonField piece in field["single"].Items)
        {
            if (piece.Optional("Sequence") is { } sequence)
            {
                if (seen || sequence["id"].Text != "A") throw sequence.Wrong("a template of one text has it once, as A");
                seen = true;
            }
            else
            {
                string name = piece["SpecialToken"]["id"].Text;
                (seen ? after : before).AddRange(field["special_tokens"][name]["ids"].Items.Select(Id));
            }
        }

        if (!seen) throw field["single"].Wrong("the text itself (Sequence A) is not in it");
        Before = [.. before, .. Before];
        After = [.. After, .. after];
    }

    private int Id(JsonField field) => field.Number is var id && id < Texts.Length
        ? id
        : throw field.Wrong($"the id {id} lies outside the vocabulary of {Texts.Length} tokens");
}
