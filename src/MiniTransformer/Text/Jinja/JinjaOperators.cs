namespace MiniTransformer.Text.Jinja;

/// <summary>
/// Operators, indexes and slices with Python's meaning: 7 // 2 is 3, -7 % 3 is 2, 1 / 2 is 0.5, 'ab' * 2 is 'abab', x[-1] is the last.
/// </summary>
internal static class JinjaOperators
{
    public static object Unary(string sign, object? operand) => (sign, operand) switch
    {
        ("not", _) => !JinjaValues.IsTrue(operand),
        ("-", long n) => checked(-n),
        ("-", double x) => -x,
        ("-", bool b) => b ? -1L : 0L,
        ("+", long or double) => operand,
        ("+", bool b) => b ? 1L : 0L,
        _ => throw new JinjaValueException($"'{sign}' needs a number; this is {JinjaValues.TypeName(operand)}."),
    };

    public static object Binary(string sign, object? left, object? right)
    {
        if (sign == "~") return JinjaValues.ToText(left) + JinjaValues.ToText(right);
        if (Whole(left) is long m && Whole(right) is long n) return Integers(sign, m, n);
        if (JinjaValues.IsNumber(left, out double x) && JinjaValues.IsNumber(right, out double y)) return Floats(sign, x, y);
        return (sign, left, right) switch
        {
            ("+", MarkedText s, MarkedText t) => s + t,
            ("+", List<object?> s, List<object?> t) => Items(s.Count + (long)t.Count, s.Concat(t)).ToList(),
            ("+", object?[] s, object?[] t) => Items(s.Length + (long)t.Length, s.Concat(t)).ToArray(),
            ("*", MarkedText s, long times) => Repeated(s, times),
            ("*", long times, MarkedText s) => Repeated(s, times),
            ("*", List<object?> s, long times) =>
                Items(s.Count * Math.Max(0, times), Enumerable.Repeat(s, (int)Math.Clamp(times, 0, int.MaxValue)).SelectMany(i => i))
                    .ToList(),
            ("%", MarkedText format, _) => JinjaMethods.Percent(format, right is object?[] many ? many : [right]),
            _ =>
                throw new JinjaValueException($"'{sign}' does not go with {JinjaValues.TypeName(left)} and {JinjaValues.TypeName(right)}."),
        };
    }

    public static bool Holds(string sign, object? left, object? right) => sign switch
    {
        "==" => JinjaValues.AreEqual(left, right),
        "!=" => !JinjaValues.AreEqual(left, right),
        "<" => JinjaValues.Compare(left, right) < 0,
        "<=" => JinjaValues.Compare(left, right) <= 0,
        ">" => JinjaValues.Compare(left, right) > 0,
        ">=" => JinjaValues.Compare(left, right) >= 0,
        "in" => JinjaValues.Contains(right, left),
        _ => !JinjaValues.Contains(right, left),
    };

    public static object? Item(object? target, object? index)
    {
        switch (target)
        {
            case Undefined undefined:
                throw new JinjaValueException($"{undefined}, so it has no items.");
            case JinjaDict dict:
                return index is MarkedText or long or double or bool && dict.TryGetValue(index, out object? found)
                    ? found
                    : new Undefined($"key {JinjaValues.Repr(index)}");
            case JinjaNamespace names when index is MarkedText name:
                return names.Values.TryGetValue(name.Value, out object? value) ? value : new Undefined($"'{name}' of the namespace");
            case IList<object?> items when Whole(index) is long i:
                return At(items, i);
            case MarkedText text when Whole(index) is long i:
                return At(text.Characters(), i);
            case IList<object?> or MarkedText when index is MarkedText name:
                return JinjaMethods.Find(target, name.Value) ?? (object)new Undefined($"'{name}' of {JinjaValues.TypeName(target)}");
            default:
                return new Undefined($"item {JinjaValues.Repr(index)} of {JinjaValues.TypeName(target)}");
        }
    }

    public static object Slice(object? target, object? from, object? to, object? by)
    {
        long step = Math.Clamp(Bound(by) ?? 1, -int.MaxValue, int.MaxValue);
        if (step == 0) throw new JinjaValueException("a slice's step cannot be 0.");
        return target switch
        {
            Undefined => new List<object?>(),
            MarkedText text => MarkedText.Join(MarkedText.Empty, Cut(text.Characters(), Bound(from), Bound(to), step)),
            List<object?> items => Cut(items, Bound(from), Bound(to), step),
            object?[] items => Cut(items, Bound(from), Bound(to), step).ToArray(),
            _ => throw new JinjaValueException($"{JinjaValues.TypeName(target)} cannot be sliced."),
        };
    }

    private static List<T> Cut<T>(IList<T> items, long? from, long? to, long step)
    {
        long count = items.Count, first = step > 0 ? 0 : -1, last = step > 0 ? count : count - 1;
        long Place(long? bound, long otherwise) => bound is not long b ? otherwise : Math.Clamp(b < 0 ? b + count : b, first, last);
        long start = Place(from, step > 0 ? first : last), stop = Place(to, step > 0 ? last : first);
        List<T> cut = [];
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) cut.Add(items[(int)i]);
        return cut;
    }

    private static long? Bound(object? bound) =>
        bound is null ? null : Whole(bound)
            ?? throw new JinjaValueException($"a slice's bound must be an integer; it is {JinjaValues.TypeName(bound)}.");

    private static object? At(IList<object?> items, long index)
    {
        long i = index < 0 ? index + items.Count : index;
        return i >= 0 && i < items.Count ? items[(int)i] : new Undefined($"item {index} of {items.Count}");
    }

    private static long? Whole(object? value) => value switch { long n => n, bool b => b ? 1 : 0, _ => null };

    private static object Integers(string sign, long m, long n)
    {
        if (n == 0 && sign is "/" or "//" or "%") throw new JinjaValueException("division by zero.");
        return checked(sign switch
        {
            "+" => m + n,
            "-" => m - n,
            "*" => m * n,
            "//" => m / n - (m % n != 0 && m < 0 != n < 0 ? 1 : 0),
            "%" => (m % n + n) % n,
            "**" when n >= 0 => Power(m, n),
            _ => Floats(sign, m, n),
        });
    }

    private static object Floats(string sign, double x, double y)
    {
        if (y == 0 && sign is "/" or "//" or "%") throw new JinjaValueException("division by zero.");
        return sign switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" => x / y,
            "//" => Math.Floor(x / y),
            "%" => x - y * Math.Floor(x / y),
            _ => Math.Pow(x, y),
        };
    }

    private static long Power(long m, long n)
    {
        long power = 1;
        for (long i = 0; i < n && power is not 0 && (m is not (0 or 1) || i == 0); i++)
        {
            power = checked(power * m);
            if (m == -1 && i > 1) return n % 2 == 0 ? 1 : -1;
        }

        return power;
    }

    private static MarkedText Repeated(MarkedText text, long times)
    {
        times = Math.Max(0, times);
        JinjaLimits.CheckLength(text.Length == 0 || times <= long.MaxValue / text.Length ? text.Length * times : long.MaxValue);
        return text.Length == 0 ? text : MarkedText.Join(MarkedText.Empty, Enumerable.Repeat(text, (int)times));
    }

    private static IEnumerable<object?> Items(long count, IEnumerable<object?> items) =>
        count <= 10 * JinjaLimits.LongestRange
            ? items
            : throw new JinjaValueException($"a list of {count:N0} items; a template may make {10 * JinjaLimits.LongestRange:N0}.");
}
