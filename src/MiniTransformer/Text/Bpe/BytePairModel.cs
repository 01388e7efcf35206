using System.Text;

namespace MiniTransformer.Text.Bpe;

/// <summary>The tokens of a word, and how many bytes of its UTF-8 each stands for.</summary>
internal sealed record Word(int[] Ids, int[] Bytes);

/// <summary>What the "model" of a tokenizer.json says.</summary>
internal sealed record BytePairSettings
{
    /// <summary>Tokens and their ids.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>What is merged, in the order of rank.</summary>
    public required (string Left, string Right)[] Merges { get; init; }

    /// <summary>What stands for characters that have no token; null: nothing does.</summary>
    public string? Unknown { get; init; }

    /// <summary>Unknown characters that follow each other are one token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>A character without token is its bytes, &lt;0x0A&gt;.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>A word that is a token is not built by merges.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Stands before every character of a word but the first.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Stands after the last character of a word.</summary>
    public string Suffix { get; init; } = "";

    /// <summary>Words arrive as text, and their bytes in <see cref="ByteAlphabet"/> are merged.</summary>
    public bool WritesBytes { get; init; }
}

/// <summary>
/// Byte-pair encoding: a word begins as its characters, and the two neighbours whose merge has the lowest rank become one token, until none
/// is left. A heap of possible merges over a linked list makes it n log n in the word's length. Words that came before are remembered. A
/// long text that nothing has cut (Llama 2 has no words) is cut where no merge could ever cross, which changes no token.
/// </summary>
internal sealed class BytePairModel
{
    private const int LongestRemembered = 64;

    private readonly BytePairSettings settings;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabulary;
    private readonly PairRanks ranks;
    private readonly int[] merged;
    private readonly int[]? byteIds;
    private readonly int? unknown;
    private readonly SafeCuts? cuts;
    private readonly WordCache words = new();

    /// <summary>A model.</summary>
    /// <exception cref="InvalidDataException">A merge names what is no token.</exception>
    public BytePairModel(BytePairSettings settings)
    {
        this.settings = settings;
        vocabulary = settings.Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        ranks = new PairRanks(settings.Merges.Length);
        merged = new int[settings.Merges.Length];
        for (int rank = 0; rank < merged.Length; rank++)
        {
            (string left, string right) = settings.Merges[rank];
            if (right.Length < settings.Prefix.Length)
            {
                throw new InvalidDataException($"merge {rank} ends in '{right}', which is shorter than the prefix of a word's parts");
            }
            merged[rank] = Token(left + right[settings.Prefix.Length..], rank);
            ranks.Set(Token(left, rank), Token(right, rank), rank);
        }

        if (settings.ByteFallback)
            byteIds = [.. Enumerable.Range(0, 256).Select(value => settings.Vocabulary.GetValueOrDefault($"<0x{value:X2}>", -1))];
        if (settings.Unknown is { } token && settings.Vocabulary.TryGetValue(token, out int id)) unknown = id;
        if (settings.Prefix.Length == 0 && settings.Suffix.Length == 0) cuts = new SafeCuts(settings);
    }

    /// <summary>Adds the tokens of a word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids, List<int> bytes)
    {
        if (word.Length <= LongestRemembered)
        {
            Add(Remembered(word, whole: true), ids, bytes);
            return;
        }

        ReadOnlySpan<char> text = settings.WritesBytes ? ByteAlphabet.Write(word) : word;
        if (settings.IgnoreMerges && vocabulary.TryGetValue(text, out int id))
        {
            Add(new Word([id], [Encoding.UTF8.GetByteCount(word)]), ids, bytes);
            return;
        }

        // What is not written and not looked up whole is remembered part by part.
        bool remembers = !settings.WritesBytes && !settings.IgnoreMerges;
        for (int start = 0; start < text.Length;)
        {
            int end = cuts?.Next(text, start) ?? text.Length;
            ReadOnlySpan<char> part = text[start..end];
            Add(remembers && part.Length <= LongestRemembered ? Remembered(part, whole: false) : Merge(part), ids, bytes);
            start = end;
        }
    }

    private static void Add(Word word, List<int> ids, List<int> bytes)
    {
        for (int i = 0; i < word.Ids.Length; i++)
        {
            ids.Add(word.Ids[i]);
            bytes.Add(word.Bytes[i]);
        }
    }

    private int Token(string text, int rank) => settings.Vocabulary.TryGetValue(text, out int id)
        ? id
        : throw new InvalidDataException($"merge {rank} (of '{settings.Merges[rank].Left}' and '{settings.Merges[rank].Right}') names the "
            + $"token '{text}', which the vocabulary has not");

    private Word Remembered(ReadOnlySpan<char> text, bool whole)
    {
        if (words.Find(text, out int place) is { } known) return known;
        ReadOnlySpan<char> written = whole && settings.WritesBytes ? ByteAlphabet.Write(text) : text;
        Word word = settings.IgnoreMerges && vocabulary.TryGetValue(written, out int id)
            ? new Word([id], [Encoding.UTF8.GetByteCount(text)])
            : Merge(written);
        words.Put(text, place, word);
        return word;
    }

    private Word Merge(ReadOnlySpan<char> text)
    {
        var symbols = new SymbolList(text.Length);
        AddCharacters(text, symbols);
        symbols.MergeAll(ranks, merged);
        return symbols.ToWord();
    }

    private void AddCharacters(ReadOnlySpan<char> text, SymbolList symbols)
    {
        int unknownBytes = 0;
        for (int start = 0; start < text.Length;)
        {
            int codePoint = UnicodeText.At(text, start, out int width);
            int size = settings.WritesBytes ? 1 : UnicodeText.ByteCount(codePoint);
            ReadOnlySpan<char> character = text.Slice(start, width);
            if (start > 0 && settings.Prefix.Length > 0) character = settings.Prefix + character.ToString();
            if (start + width == text.Length && settings.Suffix.Length > 0) character = character.ToString() + settings.Suffix;
            start += width;
            if (vocabulary.TryGetValue(character, out int id))
            {
                Flush();
                symbols.Add(id, size);
            }
            else if (byteIds is null || !AddBytes(character, byteIds, symbols))
            {
                if (unknown is null)
                {
                    throw new ArgumentException($"The text has '{character}' (U+{codePoint:X4}), for which the tokenizer has no token" +
                        (settings.Unknown is null
                            ? ", nor one for what it does not know."
                            : $", and its unknown token '{settings.Unknown}' is not in its vocabulary."));
                }

                if (!settings.FuseUnknown) Flush();
                unknownBytes += size;
            }
        }

        Flush();

        void Flush()
        {
            if (unknownBytes > 0) symbols.Add(unknown!.Value, unknownBytes);
            unknownBytes = 0;
        }
    }

    // As Hugging Face does it, an unknown character before these bytes is written after them.
    private static bool AddBytes(ReadOnlySpan<char> character, int[] byteIds, SymbolList symbols)
    {
        Span<byte> bytes = stackalloc byte[Encoding.UTF8.GetMaxByteCount(character.Length) is var most and <= 256
            ? most
            : throw new InvalidOperationException()];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        foreach (byte value in bytes)
        {
            if (byteIds[value] < 0) return false;
        }

        foreach (byte value in bytes) symbols.Add(byteIds[value], 1);
        return true;
    }
}
