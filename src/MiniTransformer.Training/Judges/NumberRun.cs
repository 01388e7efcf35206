using System.Globalization;
using System.Numerics;

namespace MiniTransformer.Judges;

/// <summary>
/// A run of digits with what separates them: which sign groups and which begins the decimals. The rules are told at
/// <see cref="NumberText"/>.
/// </summary>
internal static class NumberRun
{
    /// <summary>What may stand between two digits of one number, but for spaces.</summary>
    public const string Separators = ",.'_";

    /// <summary>
    /// Reads a run; false where it is a version or a date (1.2.3), null where it fits no way of writing numbers, or has too many digits.
    /// </summary>
    public static bool Parse(string run, int mostDigits, out Number? value)
    {
        value = null;
        char[] signs = [.. run.Where(c => !char.IsAsciiDigit(c))];
        string[] groups = run.Split(signs);
        if (run.Length > mostDigits) return true;
        char last = signs.Length > 0 ? signs[^1] : '\0';
        if (signs.Length == 0)
        {
            value = Of(run, "");
        }
        else if (signs.Length == 1 && last == '.')
        {
            value = Of(groups[0], groups[1]);
        }
        else if (signs.All(c => c == last) && last != '.')
        {
            if (ByThousands(groups) || (last == ',' && IsIndian(groups))) value = Of(string.Concat(groups), "");
        }
        else if (signs.All(c => c == '.'))
        {
            if (!ByThousands(groups)) return false;
            value = Of(string.Concat(groups), "");
        }
        else if (last is '.' or ',' && signs[..^1].All(c => c == signs[0]) && signs[0] != last
            && (ByThousands(groups[..^1]) || (signs[0] == ',' && IsIndian(groups[..^1]))))
        {
            value = Of(string.Concat(groups[..^1]), groups[^1]);
        }

        return true;
    }

    // 1,234,567
    private static bool ByThousands(string[] groups) =>
        groups[0].Length is >= 1 and <= 3 && groups[0][0] != '0' && groups.Skip(1).All(g => g.Length == 3);

    // 12,34,567
    private static bool IsIndian(string[] groups) =>
        groups.Length > 2 && groups[0].Length is 1 or 2 && groups[0][0] != '0' && groups[1..^1].All(g => g.Length == 2)
            && groups[^1].Length == 3;

    private static Number? Of(string whole, string decimals) =>
        Number.Of(BigInteger.Parse("0" + whole + decimals, NumberStyles.None, CultureInfo.InvariantCulture),
            BigInteger.Pow(10, decimals.Length));
}
