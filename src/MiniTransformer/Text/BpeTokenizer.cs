using System.Text;
using System.Text.Json;
using MiniTransformer.Text.Bpe;
using MiniTransformer.Text.Jinja;
using Decoder = MiniTransformer.Text.Bpe.Decoder;

namespace MiniTransformer.Text;

/// <summary>
/// Byte-pair encoding as a tokenizer.json describes it: byte-level (GPT-2, Llama 3, Qwen, SmolLM2) or with byte fallback (Llama 2, Mistral,
/// Gemma). A text is cut at the added tokens in it, normalized, cut into words, and each word's characters are merged. Gives the ids of
/// Hugging Face's own library. May be used from several threads.
/// </summary>
public sealed class BpeTokenizer : ITokenizer
{
    private readonly TokenizerJson json;
    private readonly BytePairModel model, dataModel;
    private readonly Search markup, data;
    private readonly HashSet<int> special, hidden;
    private readonly Lazy<ChatFormat?> chat;

    // Added tokens that are looked for before, and those that are looked for after the text was normalized.
    private sealed record Search(AddedTokens Original, AddedTokens Normalized);

    private BpeTokenizer(TokenizerJson json, BytePairModel model, Tokens tokens)
    {
        (this.json, this.model, Tokens) = (json, model, tokens);
        chat = new Lazy<ChatFormat?>(() => ChatSource?.Invoke(this));
        special = [.. json.Added.Where(token => token.Special).Select(token => token.Id)];

        // An added token that ends a response is none of its text, whatever the file says; an ordinary token that does, a line feed, is.
        hidden = [.. json.Added.Where(token => IsSpecial(token.Id)).Select(token => token.Id)];
        dataModel = WithoutSpecial(json.Model) is { } settings ? new BytePairModel(settings) : model;

        // Special tokens come first where two are written the same, as in Hugging Face's library.
        AddedToken[] added = [.. json.Added.OrderBy(token => !token.Special)];
        markup = SearchFor(added);
        data = SearchFor([.. added.Where(token => !IsSpecial(token.Id))]);
    }

    /// <summary>The tokenizer of a tokenizer.json's bytes, whose begin token is what the file puts before a text.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="end">How the token is written that ends a response, where it is known.</param>
    /// <param name="pad">How the token is written that pads a batch, where it is known.</param>
    /// <exception cref="NotSupportedException">It uses what is not implemented; the message names the field.</exception>
    /// <exception cref="InvalidDataException">It is damaged; the message names the field.</exception>
    public static BpeTokenizer Read(ReadOnlyMemory<byte> file, string? end = null, string? pad = null)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(file);
            var json = new TokenizerJson(document.RootElement);
            int? begin = json.Before.Length > 0 ? json.Before[0] : null;
            return new BpeTokenizer(json, new BytePairModel(json.Model),
                new Tokens(begin, Id(end) is { } id ? id : EndTokens.None, Id(pad)));

            int? Id(string? text) => text is not null && Array.IndexOf(json.Texts, text) is var found and >= 0 ? found : null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>What the file says.</summary>
    internal TokenizerJson Json => json;

    /// <inheritdoc/>
    public int VocabSize => json.Texts.Length;

    /// <summary>Number of ids that a model must know: without added tokens at the end, which some models lack.</summary>
    public int OrdinarySize => json.Model.Vocabulary.Values.Max() + 1;

    /// <inheritdoc/>
    public Tokens Tokens { get; }

    /// <inheritdoc/>
    public ITokenizer With(Tokens tokens) => new BpeTokenizer(json, model, tokens) { ChatSource = ChatSource };

    internal BpeTokenizer With(Func<ITokenizer, ChatFormat?> source) => new(json, model, Tokens) { ChatSource = source };

    /// <inheritdoc/>
    public int[] Encode(string text) => [.. Run(text, data, dataModel, continues: false).Ids];

    /// <inheritdoc/>
    public int[] EncodeContinuation(string text) => [.. Run(text, data, dataModel, continues: true).Ids];

    /// <summary>A prompt: what the tokenizer puts before a text, and the text.</summary>
    public int[] EncodePrompt(string text) => json.Before.Length > 0 ? [.. json.Before, .. Encode(text)] : Encode(text);

    /// <inheritdoc/>
    public int[] EncodeWhole(string text) => [.. json.Before, .. Run(text, markup, model, continues: false).Ids, .. json.After];

    /// <inheritdoc/>
    public TextToken[] Tokenize(string text, bool markup) =>
        (markup ? Run(text, this.markup, model, continues: false) : Run(text, data, dataModel, continues: false)).Locate();

    /// <inheritdoc/>
    public TextToken[] Tokenize(MarkedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Run(text.Value, markup, dataModel, continues: false, (token, start, end) => !IsSpecial(token.Id) || IsTemplate(start, end))
            .Locate();

        bool IsTemplate(int start, int end)
        {
            while (start < end && text.IsTemplate(start)) start++;
            return start == end;
        }
    }

    /// <inheritdoc/>
    public ChatFormat? Chat => chat.Value;

    /// <summary>What makes the chat format where it is asked for: a template that cannot be read spoils nothing but chats.</summary>
    internal Func<ITokenizer, ChatFormat?>? ChatSource { get; init; }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids) => Decode(ids, continues: false);

    /// <inheritdoc/>
    public string DecodeContinuation(ReadOnlySpan<int> ids) => Decode(ids, continues: true);

    /// <summary>The token's text where it is printable, other bytes as <c>&lt;0x0A&gt;</c>, a special token by its name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id lies outside the vocabulary.</exception>
    public string TokenText(int id)
    {
        CheckId(id);
        if (json.Texts[id] is not { } text) return $"<id {id}>";
        if (special.Contains(id)) return text;
        byte[] bytes = json.Decoder is null || Decoder.ByteFallback.Byte(text) is not { } value
            ? json.Model.WritesBytes ? ByteAlphabet.Read(text) : Encoding.UTF8.GetBytes(Decode([id], continues: true))
            : [value];
        var shown = new StringBuilder();
        for (ReadOnlySpan<byte> rest = bytes; !rest.IsEmpty;)
        {
            System.Buffers.OperationStatus status = Rune.DecodeFromUtf8(rest, out Rune rune, out int length);
            if (status == System.Buffers.OperationStatus.Done && !Rune.IsControl(rune)) shown.Append(rune.ToString());
            else foreach (byte b in rest[..length]) shown.Append($"<0x{b:X2}>");
            rest = rest[length..];
        }

        return shown.ToString();
    }

    /// <inheritdoc/>
    public bool IsSpecial(int id) => special.Contains(id) || id == Tokens.Begin || Tokens.Ends.Contains(id) || id == Tokens.Pad;

    private string Decode(ReadOnlySpan<int> ids, bool continues)
    {
        List<string> texts = new(ids.Length);
        foreach (int id in ids)
        {
            CheckId(id);
            if (json.Texts[id] is { } text && !hidden.Contains(id)) texts.Add(text);
        }

        return json.Decoder is null ? string.Join(' ', texts) : string.Concat(json.Decoder.Decode(texts, continues));
    }

    private void CheckId(int id)
    {
        if ((uint)id >= (uint)VocabSize)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"Token id {id} lies outside the vocabulary [0, {VocabSize}).");
    }

    private Search SearchFor(AddedToken[] tokens) => new(
        new AddedTokens(tokens.Where(token => !token.Normalized), token => token.Content),
        new AddedTokens(tokens.Where(token => token.Normalized),
            token => json.Normalizer?.Normalize(AlignedText.Of(token.Content, continues: false)).Text ?? token.Content));

    // The model for data: one that cannot make a special token from text, should this one do so; null where it cannot.
    private BytePairSettings? WithoutSpecial(BytePairSettings settings)
    {
        HashSet<string> names = [.. json.Added.Where(token => IsSpecial(token.Id) && token.Content != settings.Unknown)
            .Select(token => token.Content)];
        bool made = names.Any(name =>
            settings.Vocabulary.ContainsKey(name) && (settings.IgnoreMerges || name.EnumerateRunes().Count() == 1))
            || settings.Merges.Any(merge => names.Contains(merge.Left + merge.Right));
        if (!made) return null;
        return settings with
        {
            Vocabulary = settings.Vocabulary.Where(token => !names.Contains(token.Key)).ToDictionary(),
            Merges = [.. settings.Merges.Where(merge =>
                !names.Contains(merge.Left) && !names.Contains(merge.Right) && !names.Contains(merge.Left + merge.Right))],
        };
    }

    private Tokenized Run(string text, Search search, BytePairModel model, bool continues, Func<AddedToken, int, int, bool>? counts = null)
    {
        UnicodeText.Check(text);
        List<Piece> pieces = [];
        search.Original.Split(AlignedText.Of(text, continues), pieces, counts);
        List<Piece> normalized = new(pieces.Count);
        foreach (Piece piece in pieces)
        {
            if (piece.Id >= 0) normalized.Add(piece);
            else search.Normalized.Split(json.Normalizer?.Normalize(piece.Text) ?? piece.Text, normalized, counts);
        }

        var tokenized = new Tokenized(json.PreTokenizer?.Split(normalized) ?? normalized);
        foreach (Piece piece in tokenized.Words) tokenized.Add(piece, model);
        return tokenized;
    }

    // The tokens of a text, how many bytes each stands for, and the words that they come from.
    private sealed class Tokenized(List<Piece> words)
    {
        private readonly List<int> bytes = [], counts = [];

        public List<Piece> Words => words;

        public List<int> Ids { get; } = [];

        public void Add(Piece word, BytePairModel model)
        {
            int before = Ids.Count;
            if (word.Id < 0)
            {
                model.Encode(word.Span, Ids, bytes);
            }
            else
            {
                Ids.Add(word.Id);
                bytes.Add(Encoding.UTF8.GetByteCount(word.Span));
            }

            counts.Add(Ids.Count - before);
        }

        public TextToken[] Locate()
        {
            TextToken[] tokens = new TextToken[Ids.Count];
            int token = 0;
            for (int w = 0; w < words.Count; w++)
            {
                ReadOnlySpan<char> text = words[w].Span;
                int at = 0, byteAt = 0, due = 0;
                for (int last = token + counts[w]; token < last; token++)
                {
                    // The character in which the token begins, and the one in which it ends.
                    Advance(text, due, ref at, ref byteAt);
                    int start = at;
                    due += bytes[token];
                    Advance(text, due, ref at, ref byteAt);
                    int end = at;
                    if (byteAt < due && at < text.Length) end += char.IsHighSurrogate(text[at]) ? 2 : 1;
                    tokens[token] = new TextToken(Ids[token], words[w].Source.Origin(words[w].Start + start),
                        words[w].Source.Origin(words[w].Start + end));
                }
            }

            return tokens;
        }

        // Goes on to the last character that begins at or before a byte.
        private static void Advance(ReadOnlySpan<char> text, int due, ref int at, ref int byteAt)
        {
            while (at < text.Length)
            {
                int size = UnicodeText.ByteCount(UnicodeText.At(text, at, out int width));
                if (byteAt + size > due) return;
                (at, byteAt) = (at + width, byteAt + size);
            }
        }
    }
}
