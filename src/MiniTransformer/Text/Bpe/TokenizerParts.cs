namespace MiniTransformer.Text.Bpe;

/// <summary>
/// Reads the parts of a tokenizer.json that rewrite and cut texts, by their type; what is not implemented is refused by the field's name.
/// </summary>
internal static class TokenizerParts
{
    /// <summary>The field "normalizer".</summary>
    public static Normalizer ReadNormalizer(JsonField field)
    {
        string type = field["type"].Text;
        switch (type)
        {
            case "Sequence":
                field.Only("normalizers");
                return new Normalizer.Sequence([.. field["normalizers"].Items.Select(ReadNormalizer)]);
            case "NFC" or "NFD" or "NFKC" or "NFKD":
                field.Only();
                return new Normalizer.Form(Enum.Parse<UnicodeForm>(type, ignoreCase: true));
            case "Prepend":
                field.Only("prepend");
                return new Normalizer.Prepend(field["prepend"].Text);
            case "Replace":
                field.Only("pattern", "content");
                return new Normalizer.Replace(ReadDelimiter(field["pattern"]), field["content"].Text);
            case "Strip":
                field.Only("strip_left", "strip_right");
                return new Normalizer.Strip(field.Flag("strip_left", false), field.Flag("strip_right", false));
            case "Lowercase":
                field.Only();
                return new Normalizer.Lowercase();
            case "ByteLevel":
                field.Only();
                return new Normalizer.ByteLevel();
            default:
                throw field["type"].Refused(type, "Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase, ByteLevel");
        }
    }

    /// <summary>The field "pre_tokenizer"; null where the whole text is one word.</summary>
    /// <param name="field">The field, or null.</param>
    /// <param name="writesBytes">Whether the last thing that it does is to write bytes as characters; the model does that.</param>
    public static PreTokenizer? ReadPreTokenizer(JsonField? field, out bool writesBytes)
    {
        writesBytes = field is { } last && EndsInBytes(last);
        return field is { } given ? ReadPreTokenizer(given, last: true) : null;
    }

    private static bool EndsInBytes(JsonField field) => field["type"].Text switch
    {
        "ByteLevel" => true,
        "Sequence" => field["pretokenizers"].Items.ToArray() is { Length: > 0 } steps && EndsInBytes(steps[^1]),
        _ => false,
    };

    private static PreTokenizer ReadPreTokenizer(JsonField field, bool last)
    {
        string type = field["type"].Text;
        switch (type)
        {
            case "Sequence":
                field.Only("pretokenizers");
                JsonField[] steps = [.. field["pretokenizers"].Items];
                return new PreTokenizer.Sequence([.. steps.Select((step, i) => ReadPreTokenizer(step, last && i == steps.Length - 1))]);
            case "ByteLevel":
                field.Only("add_prefix_space", "trim_offsets", "use_regex");
                return new PreTokenizer.ByteLevel(field.Flag("add_prefix_space", true), field.Flag("use_regex", true), writesBytes: !last);
            case "Metaspace":
                return ReadMetaspace(field);
            case "Split":
                field.Only("pattern", "behavior", "invert");
                return At(ReadDelimiter(field["pattern"]), ReadBehavior(field["behavior"]), field.Flag("invert", false));
            case "Digits":
                field.Only("individual_digits");
                SplitBehavior digits = field.Flag("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous;
                return At(Characters(UnicodeText.IsNumber), digits);
            case "Punctuation":
                field.Only("behavior");
                return At(Characters(UnicodeScripts.Punctuation()),
                    field.Optional("behavior") is { } behavior ? ReadBehavior(behavior) : SplitBehavior.Isolated);
            case "Whitespace":
                // Words and runs of other characters; joiners (U+200C, U+200D) are parts of words here.
                field.Only();
                return At(new Pattern(@"[\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+"), SplitBehavior.Removed, invert: true);
            case "WhitespaceSplit":
                field.Only();
                return At(Characters(UnicodeText.IsSpace), SplitBehavior.Removed);
            case "CharDelimiterSplit":
                field.Only("delimiter");
                return At(new LiteralDelimiter(field["delimiter"].Character.ToString()), SplitBehavior.Removed);
            default:
                throw field["type"].Refused(
                    type, "Sequence, ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit");
        }
    }

    /// <summary>The field "decoder".</summary>
    public static Decoder ReadDecoder(JsonField field)
    {
        string type = field["type"].Text;
        switch (type)
        {
            case "Sequence":
                field.Only("decoders");
                return new Decoder.Sequence([.. field["decoders"].Items.Select(ReadDecoder)]);
            case "ByteLevel":
                field.Only("add_prefix_space", "trim_offsets", "use_regex");
                return new Decoder.ByteLevel();
            case "ByteFallback":
                field.Only();
                return new Decoder.ByteFallback();
            case "Fuse":
                field.Only();
                return new Decoder.Fuse();
            case "Replace":
                field.Only("pattern", "content");
                return new Decoder.Replace(ReadDelimiter(field["pattern"]), field["content"].Text);
            case "Strip":
                field.Only("content", "start", "stop");
                return new Decoder.Strip(field["content"].Character, field["start"].Number, field["stop"].Number);
            case "Metaspace":
                return new Decoder.Metaspace(Replacement(field), ReadScheme(field) != "never");
            case "BPEDecoder":
                field.Only("suffix");
                return new Decoder.WordEnd(field["suffix"].Text);
            default:
                throw field["type"].Refused(type, "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder");
        }
    }

    private static PreTokenizer.AtDelimiter At(IDelimiter delimiter, SplitBehavior behavior, bool invert = false) =>
        new(new Splitting(delimiter, behavior, invert));

    private static CharacterDelimiter Characters(Func<int, bool> contains) => new(new CharacterSet(contains));

    private static PreTokenizer.Metaspace ReadMetaspace(JsonField field)
    {
        string scheme = ReadScheme(field);
        return new PreTokenizer.Metaspace(Replacement(field), scheme != "never", onlyFirst: scheme == "first", field.Flag("split", true));
    }

    private static char Replacement(JsonField field)
    {
        field.Only("replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep");
        return field["replacement"].Character;
    }

    // Older files say add_prefix_space alone.
    private static string ReadScheme(JsonField field)
    {
        bool prefix = field.Flag("add_prefix_space", true);
        if (field.Optional("prepend_scheme") is not { } scheme) return prefix ? "always" : "never";
        if (scheme.Text is not ("always" or "first" or "never")) throw scheme.Refused(scheme.Text, "always, first, never");
        return prefix || scheme.Text == "never"
            ? scheme.Text
            : throw field.Wrong($"prepend_scheme is {scheme.Text} and add_prefix_space false");
    }

    private static SplitBehavior ReadBehavior(JsonField field) =>
        Enum.TryParse(field.Text, out SplitBehavior behavior) && Enum.IsDefined(behavior)
        ? behavior
        : throw field.Refused(field.Text, string.Join(", ", Enum.GetNames<SplitBehavior>()));

    private static IDelimiter ReadDelimiter(JsonField field)
    {
        field.Only("String", "Regex");
        if (field.Optional("String") is { } literal) return new LiteralDelimiter(literal.Text);
        JsonField pattern = field["Regex"];
        try
        {
            return new Pattern(pattern.Text);
        }
        catch (InvalidDataException e)
        {
            throw pattern.Wrong(e.Message.TrimEnd('.'));
        }
        catch (NotSupportedException e)
        {
            throw new NotSupportedException($"field '{pattern.Path}': {e.Message}");
        }
    }
}
