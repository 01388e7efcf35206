namespace MiniTransformer.Text.Bpe;

/// <summary>
/// Where a text may be cut without changing a token. A token that covers the border of characters x and y was made by a merge whose left
/// part ends in x and whose right part begins with y; where no merge has that, none covers it. Both must have a token, so that neither
/// bytes nor fused unknown characters cross. The pairs are kept as bits by hash: a collision forbids a cut that would be safe, never the
/// contrary.
/// </summary>
internal sealed class SafeCuts
{
    private const int Bits = 1 << 20;

    private readonly ulong[] crossed = new ulong[Bits / 64];
    private readonly ulong[] known = new ulong[0x10000 / 64];

    /// <summary>The cuts of a model without prefix and suffix.</summary>
    public SafeCuts(BytePairSettings settings)
    {
        foreach ((string left, string right) in settings.Merges)
        {
            if (left.Length > 0 && right.Length > 0 && Hash(left[^1], right[0]) is var hash) crossed[hash >> 6] |= 1ul << (hash & 63);
        }

        foreach (string token in settings.Vocabulary.Keys)
        {
            if (token.Length == 1) known[token[0] >> 6] |= 1ul << (token[0] & 63);
        }
    }

    /// <summary>The first cut after a position, or the text's end.</summary>
    public int Next(ReadOnlySpan<char> text, int start)
    {
        for (int i = start + 1; i < text.Length; i++)
        {
            char before = text[i - 1], after = text[i];
            if (IsKnown(before) && IsKnown(after) && Hash(before, after) is var hash && (crossed[hash >> 6] >> (hash & 63) & 1) == 0)
            {
                return i;
            }
        }

        return text.Length;
    }

    private bool IsKnown(char c) => (known[c >> 6] >> (c & 63) & 1) != 0;

    private static int Hash(char before, char after) => (int)((((uint)before << 16) | after) * 0x9E3779B1u >> 12);
}
