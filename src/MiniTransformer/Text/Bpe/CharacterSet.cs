namespace MiniTransformer.Text.Bpe;

/// <summary>A set of code points, as a class in a pattern names it: looked up in a table below U+10000, asked above.</summary>
internal sealed class CharacterSet
{
    private readonly Func<int, bool> contains;
    private readonly ulong[] table = new ulong[0x10000 / 64];

    /// <summary>The code points for which a question is answered by yes.</summary>
    public CharacterSet(Func<int, bool> contains)
    {
        this.contains = contains;
        for (int c = 0; c < 0x10000; c++)
        {
            if (contains(c)) table[c >> 6] |= 1ul << (c & 63);
        }
    }

    /// <summary>The number of chars of the text's code point at a position if the set has it, else 0.</summary>
    public int Width(ReadOnlySpan<char> text, int index)
    {
        if ((uint)index >= (uint)text.Length) return 0;
        char c = text[index];
        if ((c & 0xF800) != 0xD800) return (int)(table[c >> 6] >> (c & 63)) & 1;
        int codePoint = UnicodeText.At(text, index, out int width);
        return contains(codePoint) ? width : 0;
    }

    /// <summary>A question that is also answered by yes for another case of a letter: simple case folding.</summary>
    public static Func<int, bool> IgnoringCase(Func<int, bool> contains) =>
        c => contains(c) || Cases(c) is (var lower, var upper, var other) && (contains(lower) || contains(upper) || contains(other));

    // The letters that fold to the same one; ſ and K are the cases of s and k that lie outside their alphabets.
    private static (int Lower, int Upper, int Other) Cases(int c)
    {
        if (c is >= 0xD800 and <= 0xDFFF) return (c, c, c);
        var rune = new System.Text.Rune(c);
        int lower = System.Text.Rune.ToLowerInvariant(rune).Value, upper = System.Text.Rune.ToUpperInvariant(rune).Value;
        int other = lower switch { 's' or 0x17F => c == 0x17F ? 's' : 0x17F, 'k' or 0x212A => c == 0x212A ? 'k' : 0x212A, _ => c };
        return c is 0x17F ? ('s', 'S', c) : c is 0x212A ? ('k', 'K', c) : (lower, upper, other);
    }
}
