using System.Globalization;
using System.Numerics;

namespace MiniTransformer.Judges;

/// <summary>A number that a text holds.</summary>
/// <param name="Value">Its value; null where it cannot be read.</param>
/// <param name="Begins">Whether no word and no number stands before it.</param>
/// <param name="Ends">Whether nothing that belongs to it, and no word, stands after it.</param>
/// <param name="AfterEquals">Whether it stands behind an equals sign.</param>
/// <param name="AfterWords">Whether a word or a comma separates it from the number before.</param>
/// <param name="BeforeWord">Whether a word or a bracket follows.</param>
internal readonly record struct FoundNumber(Number? Value, bool Begins, bool Ends, bool AfterEquals, bool AfterWords, bool BeforeWord);

/// <summary>
/// Finds the numbers of a text from left to right, each as a whole or not at all; the rules are told at <see cref="NumberText"/>.
/// </summary>
internal sealed class NumberScanner
{
    // Longer numbers, and larger powers, are not read: they would take the time of many.
    private const int MostDigits = 10_000, MostBits = 100_000;

    private const string Vulgar = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒", Spaces = "\u00A0\u2007\u2009\u202F", Closers = ")]}%°";

    private static readonly int[][] VulgarValues =
        [[1, 2], [1, 3], [2, 3], [1, 4], [3, 4], [1, 5], [2, 5], [3, 5], [4, 5], [1, 6], [5, 6], [1, 7], [1, 8], [3, 8], [5, 8], [7, 8],
            [1, 9], [1, 10]];

    private static readonly string[] CurrencyCodes = ["USD", "EUR", "GBP", "INR", "JPY", "CHF", "CAD", "AUD", "CNY", "Rs", "rs"];

    private static readonly (string Word, int Power)[] Scales = [("hundred", 2), ("thousand", 3), ("million", 6), ("billion", 9),
        ("trillion", 12)];

    private readonly string text;
    private readonly List<Number?> fractions;
    private readonly bool isAnswer;
    private int at, fraction, counted;

    private NumberScanner(Latex latex, bool isAnswer) => (text, fractions, this.isAnswer) = (latex.Plain, latex.Fractions, isAnswer);

    /// <summary>All numbers.</summary>
    /// <param name="latex">The text.</param>
    /// <param name="isAnswer">Whether it is an answer and nothing else: then 2x is no number, and a minus sign may stand apart from
    /// it.</param>
    public static List<FoundNumber> Scan(Latex latex, bool isAnswer) => new NumberScanner(latex, isAnswer).All();

    private List<FoundNumber> All()
    {
        var found = new List<FoundNumber>();
        bool begins = true;
        int before = 0;
        while (at < text.Length)
        {
            (char c, int start) = (text[at], at);
            Number? value = null;
            if (char.IsLetter(c))
            {
                Word();
                begins = false;
            }
            else if (c == '^'
                || (c == '_' && at > 0 && (char.IsLetterOrDigit(text[at - 1]) || Closers.Contains(text[at - 1], StringComparison.Ordinal))))
            {
                at++;
                Exponent();
            }
            else if (c != Latex.Opaque && !IsStart(at))
            {
                at++;
            }
            else if (c == Latex.Opaque ? NotComputed() : Read(out value))
            {
                int next = Skip(at);
                found.Add(new FoundNumber(
                    value is not null && IsNegative(start) ? -value : value, begins, Ends: false, FollowsEquals(start),
                    AfterWords: text[before..start].Any(x => char.IsLetter(x) || x is ',' or ';'),
                    BeforeWord: next < text.Length && (char.IsLetter(text[next]) || text[next] is '(' or '.')));
                (begins, before) = (false, at);
            }
            else
            {
                begins = false;
            }
        }

        if (found.Count > 0 && !text[before..].Any(x => char.IsLetterOrDigit(x) || "+-*=^".Contains(x, StringComparison.Ordinal)))
        {
            found[^1] = found[^1] with { Ends = true };
        }
        return found;
    }

    // A word, with the digits and the exponents that belong to it: H2, x_{10}, cm^2. A currency's code is not part of the number behind it.
    private void Word()
    {
        int begin = at;
        while (at < text.Length && char.IsLetter(text[at])) at++;
        if (at < text.Length && char.IsAsciiDigit(text[at]) && CurrencyCodes.Contains(text[begin..at])) return;
        while (at < text.Length
            && (char.IsLetterOrDigit(text[at]) || (text[at] == '_' && at + 1 < text.Length && char.IsLetterOrDigit(text[at + 1]))))
        {
            at++;
        }
    }

    private bool IsStart(int i) =>
        i < text.Length && (char.IsAsciiDigit(text[i]) || text[i] == Latex.Fraction || Vulgar.Contains(text[i], StringComparison.Ordinal)
        || (text[i] == '.' && IsDigit(i + 1) && (i == 0 || !(char.IsLetterOrDigit(text[i - 1]) || text[i - 1] is '.' or ')'))));

    // Reads what stands here, and what is not computed behind it; false where it is a date or a version, which is no number.
    private bool Read(out Number? value)
    {
        if (!ReadOne(out value)) return false;
        int next = Skip(at);
        if (next < text.Length && text[next] == Latex.Opaque) (value, at) = (null, next);
        if (at < text.Length && text[at] == Latex.Opaque) NotComputed();
        return true;
    }

    private bool ReadOne(out Number? value)
    {
        bool whole = false;
        if (text[at] == Latex.Fraction) value = Take();
        else if (Vulgar.IndexOf(text[at], StringComparison.Ordinal) is >= 0 and int vulgar)
        {
            (value, at) = (Number.Of(VulgarValues[vulgar][0], VulgarValues[vulgar][1]), at + 1);
        }
        else if (!Digits(out value, out whole)) return false;

        if (whole && value is not null) Mixed(ref value);
        Scientific(ref value);
        // a base, as in 101_2
        if (at < text.Length && text[at] == '_' && (IsDigit(at + 1) || (at + 1 < text.Length && text[at + 1] == '{')))
        {
            value = Nothing(at + 1);
        }
        if (at < text.Length && text[at] == '^') value = Powered(value);
        if (Times() is { } power) value = value is null ? null : value * power;
        while (at + 1 < text.Length && text[at] == ':' && IsDigit(at + 1)) // a ratio, or a time
        {
            value = null;
            for (at++; at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.'); at++) { }
        }

        Scale(ref value);
        int next = Skip(at);
        if (next < text.Length && text[next] == '%') (value, at) = (value is null ? null : value with { IsPercent = true }, next + 1);
        else if (value is not null && (IsWord(next, "percent") || IsWord(next, "per cent") || IsWord(next, "pct")))
        {
            value = value with { IsPercent = true };
        }
        // 2x
        if (isAnswer && at < text.Length && "inkxyz".Contains(text[at], StringComparison.Ordinal)
            && (at + 1 == text.Length || !char.IsLetter(text[at + 1])))
        {
            value = null;
        }
        return true;
    }

    // A run of digits and what may separate them, its exponent, and the divisor of a fraction.
    private bool Digits(out Number? value, out bool whole)
    {
        (value, whole) = (null, false);
        int begin = at;
        if (text[at] == '0' && at + 2 < text.Length && text[at + 1] is 'x' or 'X' && char.IsAsciiHexDigit(text[at + 2]))
        {
            for (at += 2; at < text.Length && char.IsLetterOrDigit(text[at]); at++) { }
            return true;
        }

        string run = Run();
        bool number = NumberRun.Parse(run, MostDigits, out value);
        if (run.Length == 4 && IsDate()) return false;
        if (!number) return false;
        whole = value is { Denominator.IsOne: true } && !run.Contains('.', StringComparison.Ordinal);
        if (at + 1 < text.Length && text[at] is 'e' or 'E' && (IsDigit(at + 1) || (text[at + 1] is '-' or '+' && IsDigit(at + 2))))
        {
            (at, whole) = (at + 1, false);
            value = value is not null && Exponent() is { } power && TenTo(power) is { } factor ? value * factor : null;
        }

        int slash = at, spaced = Skip(at);
        if (spaced > at && spaced + 1 < text.Length && text[spaced] == '/' && text[spaced + 1] == ' ' && IsDigit(Skip(spaced + 1)))
        {
            slash = spaced;
        }
        if (slash >= text.Length || text[slash] != '/' || !IsDigit(Skip(slash + 1)) || (slash == at && !IsDigit(slash + 1))) return true;
        (at, whole) = (Skip(slash + 1), false);
        bool divides = NumberRun.Parse(Run(), MostDigits, out Number? divisor);
        if (at < text.Length && text[at] == '/' && IsDigit(at + 1) && slash == begin + run.Length) // 1/2/2024
        {
            for (; at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '/'); at++) { }
            return false;
        }

        value = value is not null && divides && divisor is not null ? value.Over(divisor) : null;
        return true;
    }

    private string Run()
    {
        int begin = at;
        int i = begin;
        while (i > 0 && text[i - 1] == ' ') i--;
        if ((i == begin || i == 0 || !char.IsAsciiDigit(text[i - 1])) && Grouped() is > 0 and int end) at = end;
        else while (at < text.Length && (IsDigit(at) || Separates(at))) at++;
        return text[begin..at];
    }

    // 1 234 567, with plain spaces and perhaps decimals: where it ends, or 0.
    private int Grouped()
    {
        int end = at;
        while (IsDigit(end) && end - at < 4) end++;
        if (end - at is 0 or > 3 || text[at] == '0') return 0;
        int groups = 0;
        for (; end < text.Length && text[end] == ' ' && IsDigit(end + 1) && IsDigit(end + 2) && IsDigit(end + 3) && !IsDigit(end + 4);
        end += 4)
        {
            groups++;
        }
        if (groups == 0 || (end < text.Length && text[end] == '/') || (end < text.Length && text[end] == ' ' && IsDigit(end + 1))) return 0;
        if (end + 1 < text.Length && text[end] is '.' or ',' && IsDigit(end + 1))
        {
            for (end++; IsDigit(end); end++) { }
        }

        return end;
    }

    private bool Separates(int i)
    {
        if (i + 1 >= text.Length || !IsDigit(i + 1)) return false;
        if (Spaces.Contains(text[i], StringComparison.Ordinal)) return IsDigit(i + 2) && IsDigit(i + 3) && !IsDigit(i + 4);
        return NumberRun.Separators.Contains(text[i], StringComparison.Ordinal) && (i > at || text[i] == '.' || i > 0);
    }

    // 2024-01-05: the year is read.
    private bool IsDate()
    {
        int i = at;
        for (int part = 0; part < 2; part++)
        {
            if (i + 1 >= text.Length || text[i] != '-' || !IsDigit(i + 1)) return false;
            i += IsDigit(i + 2) ? 3 : 2;
            if (IsDigit(i)) return false;
        }

        at = i;
        return true;
    }

    // 2 3/4, 2\frac{3}{4}, 2½: the whole and a proper fraction.
    private void Mixed(ref Number? value)
    {
        int next = at < text.Length && (text[at] == ' ' || Spaces.Contains(text[at], StringComparison.Ordinal)) ? at + 1 : at;
        if (next >= text.Length) return;
        Number? part;
        if (text[next] == Latex.Fraction)
        {
            at = next;
            part = Take();
        }
        else if (Vulgar.IndexOf(text[next], StringComparison.Ordinal) is >= 0 and int vulgar)
        {
            (part, at) = (Number.Of(VulgarValues[vulgar][0], VulgarValues[vulgar][1]), next + 1);
        }
        else
        {
            int slash = next, end;
            while (IsDigit(slash)) slash++;
            if (next == at || slash == next || slash - next > 9 || slash >= text.Length || text[slash] != '/') return;
            for (end = slash + 1; IsDigit(end); end++) { }
            if (end == slash + 1 || end - slash > 10 || (end + 1 < text.Length && text[end] is '/' or '.' && IsDigit(end + 1))) return;
            (long above, long below) = (long.Parse(text.AsSpan(next, slash - next), CultureInfo.InvariantCulture),
                long.Parse(text.AsSpan(slash + 1, end - slash - 1), CultureInfo.InvariantCulture));
            if (above >= below) return; // two numbers
            (part, at) = (Number.Of(above, below), end);
        }

        value = part is not null && part.Numerator.Sign > 0 && part.Numerator < part.Denominator ? value! + part : null;
    }

    private void Scientific(ref Number? value)
    {
        int sign = Skip(at), ten = Skip(sign + 1);
        if (sign >= text.Length || !"×xX*·".Contains(text[sign], StringComparison.Ordinal)
            || !text.AsSpan(Math.Min(ten, text.Length)).StartsWith("10^"))
        {
            return;
        }
        at = ten + 3;
        value = Exponent() is { } power && TenTo(power) is { } factor && value is not null ? value * factor : null;
    }

    // An exponent, {-3} or -3; null where it is no integer. It is passed over in any case.
    private int? Exponent()
    {
        int begin = at;
        if (at < text.Length && text[at] == '{')
        {
            int close = text.IndexOf('}', at);
            at = close < 0 ? text.Length : close + 1;
            return int.TryParse(text.AsSpan(begin + 1, Math.Max(0, at - begin - 2)).Trim(), NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture, out int braced) ? braced : null;
        }

        if (at + 1 < text.Length && text[at] is '-' or '+' && IsDigit(at + 1)) at++;
        while (at < text.Length && char.IsLetterOrDigit(text[at]) && (IsDigit(at) || at == begin)) at++;
        return int.TryParse(text.AsSpan(begin, at - begin), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int power)
            ? power
            : null;
    }

    private Number? Powered(Number? value)
    {
        at++;
        int? power = Exponent();
        if (value is null || power is not { } n) return null;
        long bits = Math.Max(value.Numerator.GetBitLength(), value.Denominator.GetBitLength());
        return bits * Math.Abs((long)n) <= MostBits ? value.Power(n) : null;
    }

    // × 10^n behind a power or a fraction.
    private Number? Times()
    {
        Number? one = Number.Of(BigInteger.One);
        int before = at;
        Scientific(ref one);
        return at == before ? null : one;
    }

    private void Scale(ref Number? value)
    {
        for (bool again = true; again;)
        {
            again = false;
            foreach ((string word, int power) in Scales)
            {
                int next = Skip(at);
                if (!IsWord(next, word) && !IsWord(next, word + "s")) continue;
                at = next + word.Length;
                value = value is null ? null : value * TenTo(power)!;
                again = true;
            }
        }
    }

    private bool IsWord(int i, string word) =>
        i + word.Length <= text.Length && string.Compare(text, i, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) == 0
        && (i + word.Length == text.Length || !char.IsLetter(text[i + word.Length]));

    private static Number? TenTo(int power) => Math.Abs((long)power) <= MostDigits ? Number.Of(10).Power(power) : null;

    // The value of the fraction that stands here; some may have been passed over.
    private Number? Take()
    {
        for (; counted < at; counted++) fraction += text[counted] == Latex.Fraction ? 1 : 0;
        at++;
        return fractions[fraction];
    }

    private Number? Nothing(int from)
    {
        at = from;
        Exponent();
        return null;
    }

    // Signs that are not computed take the number behind them along: \sqrt 3, 2 ± 1.
    private bool NotComputed()
    {
        while (at < text.Length && text[at] == Latex.Opaque)
        {
            at++;
            int next = Skip(at);
            if (!IsStart(next)) continue;
            at = next;
            ReadOne(out _);
            if (Skip(at) is var after && after < text.Length && text[after] == Latex.Opaque) at = after;
        }

        return true;
    }

    // A minus sign right before the number or its currency; after a letter, a digit or what closes a bracket it is an operator.
    private bool IsNegative(int start)
    {
        int i = start - 1;
        if (i >= 0 && text[i] is '-' or '+' && i > 0 && IsCurrency(i - 1)) return text[i] == '-' && !Operates(i - 1); // $-5
        if (i >= 0 && text[i] is not ('-' or '+'))
        {
            int currency = i;
            while (currency >= 0 && text[currency] is ' ' or '\u2009' or '\u00A0') currency--;
            if (currency >= 0 && IsCurrency(currency)) i = currency - 1;
            else i = currency;
            bool apart = i != start - 1 && !(currency >= 0 && IsCurrency(currency));
            while (i >= 0 && text[i] == ' ') i--;
            if (i < 0 || text[i] != '-') return false;
            if (apart) // "= - 5", or an answer that begins so
            {
                int before = i - 1;
                while (before >= 0 && text[before] == ' ') before--;
                return before < 0 ? isAnswer : text[before] is '=' or '(' or '≈';
            }
        }

        return i >= 0 && text[i] == '-' && !Operates(i);
    }

    private bool Operates(int sign) =>
        sign > 0 && (char.IsLetterOrDigit(text[sign - 1]) || Closers.Contains(text[sign - 1], StringComparison.Ordinal)
        || text[sign - 1] == Latex.Fraction || Vulgar.Contains(text[sign - 1], StringComparison.Ordinal));

    private bool FollowsEquals(int start)
    {
        int i = start - 1;
        while (i >= 0 && (text[i] is ' ' or '-' or '+' or '\u2009' || IsCurrency(i))) i--;
        return i >= 0 && text[i] is '=' or '≈';
    }

    private bool IsCurrency(int i) => char.GetUnicodeCategory(text[i]) == UnicodeCategory.CurrencySymbol;

    private bool IsDigit(int i) => i < text.Length && char.IsAsciiDigit(text[i]);

    private int Skip(int i)
    {
        while (i < text.Length && (text[i] == ' ' || Spaces.Contains(text[i], StringComparison.Ordinal))) i++;
        return i;
    }
}
