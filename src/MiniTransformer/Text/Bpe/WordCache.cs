namespace MiniTransformer.Text.Bpe;

/// <summary>
/// Words that came before and their tokens. Each text has one place, which the latest word takes, so that memory is bounded; places are
/// read and written whole, so that threads may share it.
/// </summary>
internal sealed class WordCache
{
    private const int PlaceBits = 15;

    private readonly Entry?[] places = new Entry?[1 << PlaceBits];

    private sealed record Entry(string Text, Word Word);

    /// <summary>The tokens of a text, if they are remembered.</summary>
    /// <param name="text">The text.</param>
    /// <param name="place">Its place, for <see cref="Put"/>.</param>
    public Word? Find(ReadOnlySpan<char> text, out int place)
    {
        uint hash = (uint)text.Length;
        foreach (char c in text) hash = (hash ^ c) * 0x01000193;
        place = (int)((hash * 0x9E3779B1) >> (32 - PlaceBits));
        return places[place] is { } entry && text.SequenceEqual(entry.Text) ? entry.Word : null;
    }

    /// <summary>Remembers the tokens of a text.</summary>
    public void Put(ReadOnlySpan<char> text, int place, Word word) => places[place] = new Entry(text.ToString(), word);
}
