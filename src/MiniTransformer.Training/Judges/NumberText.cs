namespace MiniTransformer.Judges;

/// <summary>
/// The answer of a text as an exact number, as people and data sets write it. Where it is looked for: in the last \boxed{…}; else after the
/// last "####", if a number begins there; else it is the last number of the text. In the first two places there has to be one number:
/// \boxed{3, 4} and \boxed{2\sqrt{3}} cannot be read.
/// <list type="bullet">
/// <item>groups of three digits between equal signs, commas, apostrophes, underscores, plain, thin or no-break spaces: 1,234,567 and 1 234
/// 567; in Indian grouping 12,34,567;</item>
/// <item>a decimal point, also at the beginning: 3.50, .5. A decimal comma only after other groups, 1.234,5 and 1 234,5; points group where
/// there are two or more, 1.234.567;
/// 1.234 is a decimal fraction. 1,5 may be one and a half or two numbers: it cannot be read, as everything that fits no grouping (1234,567)
/// or has colons (3:4);</item>
/// <item>a sign + or − or -, before a currency sign too: -5, −$5, $-5; after a digit, a letter or a bracket that closes it is an operator:
/// 10-3 holds 10 and 3;</item>
/// <item>fractions and mixed numbers: 3/4, \frac{3}{4}, 2 3/4, 2\frac34, 2½; powers: 10^3, 10³; exponents: 1.5e-3, 1.5 × 10^{-3}, 2
/// million;</item>
/// <item>currency signs and units stand aside: $5, 5 kg, 5 cm^2. So does a per cent sign, see
/// <see cref="Number.Equals(Number, double)"/>.</item>
/// </list>
/// Digits right after a letter belong to a word (H2, x1), digits with several points, slashes or hyphens are a version or a date (1.2.3,
/// 1/2/2024, 2024-01-05): neither is a number.
/// </summary>
public static class NumberText
{
    /// <summary>The answer of a text, or null where it has none that can be read (or one that divides by zero).</summary>
    public static Number? Last(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Latex.Boxed(text) is { } boxed) return Only(NumberScanner.Scan(Latex.Of(boxed), isAnswer: true), begins: false);
        int mark = text.LastIndexOf("####", StringComparison.Ordinal);
        if (mark >= 0)
        {
            string line = text[(mark + 4)..].TrimStart();
            int end = line.IndexOf('\n', StringComparison.Ordinal);
            List<FoundNumber> found = NumberScanner.Scan(Latex.Of(end < 0 ? line : line[..end]), isAnswer: true);
            if (found.Count > 0 && found[0].Begins) return Only(found, begins: true);
        }

        return NumberScanner.Scan(Latex.Of(text), isAnswer: false) is [.., var last] ? last.Value : null;
    }

    /// <summary>The number that a text is, but for signs, currency and spaces; null where it is more or less.</summary>
    internal static Number? Whole(string text, int depth) =>
        NumberScanner.Scan(Latex.Of(text, depth), isAnswer: true) is [{ Begins: true, Ends: true } found] ? found.Value : null;

    // The only number there is, or the one behind the last "=", as in 3 + 4 = 7, but not where other answers stand before it (x = 3 or x =
    // 4). After "####" words may follow, with numbers in them: "#### 42 apples in 3 boxes".
    private static Number? Only(List<FoundNumber> found, bool begins)
    {
        int equals = found.FindLastIndex(f => f.AfterEquals);
        if (equals > 0)
        {
            if (found[equals].AfterWords) return null;
            found = found[equals..];
        }

        if (found.Count == 0) return null;
        return found.Count == 1 || (begins && found[0].BeforeWord) ? found[0].Value : null;
    }
}
