using System.Globalization;

namespace MiniTransformer.Lab;

/// <summary>Numbers as the tables print them: a true minus sign, no zero before the point of a fraction, – where there is none.</summary>
public static class Numbers
{
    /// <summary>What stands where there is no number.</summary>
    public const string None = "–";

    /// <summary>A fraction such as an accuracy: .350, 1.000, −.013.</summary>
    public static string Fraction(double value)
    {
        string text = Text(value, "0.000");
        return text.StartsWith("0.", StringComparison.Ordinal) ? text[1..]
            : text.StartsWith("−0.", StringComparison.Ordinal) ? "−" + text[2..]
            : text;
    }

    /// <summary>A difference of fractions, always signed: +.338, −.037, ±.000 when it rounds to nothing.</summary>
    public static string SignedFraction(double value)
    {
        string text = Fraction(value);
        return double.IsNaN(value) || text[0] == '−' ? text : text == ".000" ? "±.000" : "+" + text;
    }

    /// <summary>A number with two decimals: 4.31, −0.07.</summary>
    public static string Decimal(double value) => Text(value, "0.00");

    /// <summary>The same, always signed: +4.31, −0.07.</summary>
    public static string SignedDecimal(double value)
    {
        string text = Decimal(value);
        return double.IsNaN(value) || text[0] == '−' ? text : "+" + text;
    }

    /// <summary>An interval of a difference of fractions: [+.300, +.376]; [–] where there is none.</summary>
    public static string SignedRange(Interval interval) =>
        interval.IsAvailable ? $"[{SignedFraction(interval.Low)}, {SignedFraction(interval.High)}]" : $"[{None}]";

    /// <summary>An interval of a fraction: [.300, .376]; [–] where there is none.</summary>
    public static string Range(Interval interval) =>
        interval.IsAvailable ? $"[{Fraction(interval.Low)}, {Fraction(interval.High)}]" : $"[{None}]";

    /// <summary>A setting or another plain number, as it is: 0.3, 10, −1.</summary>
    public static string Plain(double value) => value.ToString("0.######", CultureInfo.InvariantCulture).Replace('-', '−');

    private static string Text(double value, string format)
    {
        if (double.IsNaN(value)) return None;
        string text = Math.Abs(value).ToString(format, CultureInfo.InvariantCulture);
        bool zero = text.All(c => c is '0' or '.');
        return value < 0 && !zero ? "−" + text : text;
    }
}
