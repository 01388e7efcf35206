using System.Globalization;
using System.Text.RegularExpressions;

namespace MiniTransformer.Judges;

/// <summary>
/// Numbers in text, as people write them:
/// <list type="bullet">
/// <item>digits with groups of three between commas, apostrophes, underscores or narrow, thin or no-break spaces: 1,234,567 and 1 234 567 (not with plain spaces);</item>
/// <item>a decimal point, also at the beginning: 3.50, .5; a full stop that no digit follows ends the sentence, not the number: "it is 42." is 42;</item>
/// <item>a sign + or − or -, before a currency sign too: -5, −$5, $-5; after a digit, a letter or a bracket that closes it is an operator: 10-3 holds 10 and 3;</item>
/// <item>an exponent: 1.5e-3; a fraction without spaces, 3/4, is its value; a per cent sign is not read, 50% is 50.</item>
/// </list>
/// A comma before anything but a group of three digits separates two numbers: 1,5 is 1 and 5, never one and a half. Digits right after a letter
/// belong to a word (H2, x1), and digits with several points or slashes are a version or a date (1.2.3, 1/2/2024): neither is a number.
/// </summary>
public static partial class NumberText
{
    /// <summary>The last number of a text, or null where it has none (or the last one is too large, or divides by zero).</summary>
    public static Number? Last(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Match? last = null;
        foreach (Match match in Numbers().Matches(text))
        {
            if (match.Groups["number"].Success) last = match;
        }

        if (last is null) return null;
        bool negative = last.Groups["sign"].Value is "-" or "−";
        Number? number = Read(last.Groups["number"].Value);
        if (number is not null && last.Groups["divisor"].Success) number = Read(last.Groups["divisor"].Value) is { } divisor ? number.Value.Over(divisor) : null;
        return negative ? -number : number;
    }

    private static Number? Read(string text)
    {
        string digits = string.Concat(text.Where(c => !Separators.Contains(c, StringComparison.Ordinal)));
        if (!double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value)) return null;
        return new Number(value, decimal.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal exact) ? exact : null);
    }

    private const string Separators = ",'’_\u00A0\u2009\u202F";

    // Words with digits, versions and dates first: they are matched as a whole and passed over.
    [GeneratedRegex(
        """
        [\p{L}_][\p{L}\d_]*
        | (?<![\d.]) \d+ (?: \.\d+ ){2,}
        | (?<![\d/]) \d+ (?: /\d+ ){2,}
        | (?: (?<= ^ | [^\p{L}\d\)\]\}] ) (?<sign> [-−+] ) )? [$€£¥]? (?: (?<= [$€£¥] ) (?<sign> [-−+] ) )?
          (?<number> (?: \d{1,3} (?: [,'’_\u00A0\u2009\u202F] \d{3} )+ (?! \d ) | \d+ ) (?: \.\d+ )? (?: [eE] [-+]? \d+ )? | \.\d+ (?: [eE] [-+]? \d+ )? )
          (?: / (?<divisor> \d+ (?: \.\d+ )? ) )?
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Numbers();
}

/// <summary>A number as it was written.</summary>
/// <param name="Value">Its value, rounded to a double.</param>
/// <param name="Exact">Its value with up to 28 digits, where it is in the range of a decimal.</param>
public readonly record struct Number(double Value, decimal? Exact)
{
    /// <summary>The number with the other sign.</summary>
    public static Number operator -(Number a) => new(-a.Value, -a.Exact);

    /// <summary>The quotient; null where the divisor is zero.</summary>
    public Number? Over(Number divisor) => divisor.Value == 0 ? null : new Number(Value / divisor.Value, Exact / divisor.Exact);

    /// <summary>|this − other| ≤ tolerance: with tolerance 0 the same value, however it was written (0.50 is 1/2).</summary>
    public bool Equals(Number other, double tolerance) =>
        Exact is { } a && other.Exact is { } b && Math.Abs(Value) < 1e28 && Math.Abs(other.Value) < 1e28 && tolerance < 1e28
            ? Math.Abs(a - b) <= (decimal)tolerance
            : Math.Abs(Value - other.Value) <= tolerance;
}
