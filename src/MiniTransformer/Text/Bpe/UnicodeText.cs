using System.Globalization;

namespace MiniTransformer.Text.Bpe;

/// <summary>What the tokenizers ask of single code points, and of texts as sequences of code points.</summary>
internal static class UnicodeText
{
    /// <summary>Refuses a text that has no UTF-8.</summary>
    /// <exception cref="ArgumentException">It holds half of a surrogate pair.</exception>
    public static void Check(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) i++;
            else
            {
                throw new ArgumentException(
                    $"The text holds half of a surrogate pair (U+{(int)text[i]:X4}) at character {i + 1}; it is not Unicode text and has "
                        + "no bytes.",
                    nameof(text));
            }
        }
    }

    /// <summary>The code point at a position, and how many chars it takes.</summary>
    public static int At(ReadOnlySpan<char> text, int index, out int width)
    {
        char c = text[index];
        if (!char.IsHighSurrogate(c) || index + 1 >= text.Length || !char.IsLowSurrogate(text[index + 1]))
        {
            width = 1;
            return c;
        }

        width = 2;
        return char.ConvertToUtf32(c, text[index + 1]);
    }

    /// <summary>The code point that ends before a position, and how many chars it takes.</summary>
    public static int Before(ReadOnlySpan<char> text, int index, out int width)
    {
        width = index > 1 && char.IsLowSurrogate(text[index - 1]) && char.IsHighSurrogate(text[index - 2]) ? 2 : 1;
        return At(text, index - width, out _);
    }

    /// <summary>Unicode's White_Space.</summary>
    public static bool IsSpace(int c) => c is >= 9 and <= 13 or 0x85 || Category(c) is UnicodeCategory.SpaceSeparator
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    /// <summary>A decimal digit or another number.</summary>
    public static bool IsNumber(int c) =>
        Category(c) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Letters, marks, decimal digits, letter numbers, connectors and the circled letters: \w.</summary>
    public static bool IsWord(int c) =>
        c is >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189
        || Category(c) is <= UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.ConnectorPunctuation;

    /// <summary>The code point's general category.</summary>
    public static UnicodeCategory Category(int c) => CharUnicodeInfo.GetUnicodeCategory(c);

    /// <summary>The number of UTF-8 bytes of a code point.</summary>
    public static int ByteCount(int c) => c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    /// <summary>Its two letters in the standard, such as Lu.</summary>
    public static string Name(UnicodeCategory category) => CategoryNames[(int)category];

    private static readonly string[] CategoryNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe",
        "Pi",
        "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];
}
