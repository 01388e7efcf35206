using System.Globalization;
using System.Text;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// Which tokens are of the same kind: those whose characters have the same sequence of classes (lower-case letters, other letters,
/// digits, white space, anything else), runs counted once. So b is of d's kind and not of B's; " the" is of " cat"'s kind and not of
/// "cat"'s. Special tokens are of no kind. Without a tokenizer all tokens but the end tokens are of one kind.
/// </summary>
public sealed class TokenKinds(ITokenizer? tokenizer, EndTokens ends)
{
    private readonly Dictionary<int, string?> known = [];

    /// <summary>The kind of a token, or null for a special one.</summary>
    public string? Of(int id)
    {
        if (ends.Contains(id)) return null;
        if (tokenizer is null || id >= tokenizer.VocabSize) return "";
        if (!known.TryGetValue(id, out string? kind)) known[id] = kind = tokenizer.IsSpecial(id) ? null : Classes(tokenizer.TokenText(id));
        return kind;
    }

    private static string Classes(string text)
    {
        var classes = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            char c = Rune.IsLower(rune)
                ? 'a'
                : Rune.IsLetter(rune) ? 'A' : Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber ? '0'
                : Rune.IsWhiteSpace(rune) ? ' ' : '.';
            if (classes.Length == 0 || classes[^1] != c) classes.Append(c);
        }

        return classes.ToString();
    }
}
