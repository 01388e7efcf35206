using System.Globalization;
using System.Text.Json;

namespace MiniTransformer.Text.Jinja;

/// <summary>A name or key that is not there: false, empty, prints as nothing; anything else done with it is an error.</summary>
internal sealed record Undefined(string What)
{
    public override string ToString() => $"{What} is undefined";
}

/// <summary>namespace(...): an object whose attributes can be set from inside a loop.</summary>
internal sealed class JinjaNamespace
{
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);
}

/// <summary>Something that can be called: a macro, a method, a global function.</summary>
internal sealed record Callable(string Id, Func<CallArguments, object?> Body);

/// <summary>A dict, in the order of insertion; keys are compared as Python compares them.</summary>
internal sealed class JinjaDict() : OrderedDictionary<object, object?>(KeyEquality.Instance)
{
    public object? Find(string key) => TryGetValue(MarkedText.Of(key), out object? value) ? value : new Undefined($"key '{key}'");

    public void Put(object? key, object? value)
    {
        if (key is not (MarkedText or long or double or bool))
        {
            throw new JinjaValueException($"a dict's key is a string or a number; this one is {JinjaValues.TypeName(key)}.");
        }
        this[key] = value;
    }

    private sealed class KeyEquality : IEqualityComparer<object>
    {
        public static readonly KeyEquality Instance = new();

        public new bool Equals(object? a, object? b) => JinjaValues.AreEqual(a, b);

        public int GetHashCode(object key) =>
            key is MarkedText text ? text.GetHashCode() : JinjaValues.IsNumber(key, out double number) ? number.GetHashCode() : 0;
    }
}

/// <summary>
/// What values mean, as in Python. A value is null (none), <see cref="Undefined"/>, bool, long, double, <see cref="MarkedText"/>, List (a
/// list), array (a tuple), <see cref="JinjaDict"/>, <see cref="JinjaNamespace"/> or <see cref="Callable"/>.
/// </summary>
internal static class JinjaValues
{
    public static string TypeName(object? value) => value switch
    {
        null => "none",
        Undefined undefined => undefined.ToString(),
        bool => "a boolean",
        long => "an integer",
        double => "a float",
        MarkedText => "a string",
        List<object?> => "a list",
        object?[] => "a tuple",
        JinjaDict => "a dict",
        JinjaNamespace => "a namespace",
        Callable callable => $"the function '{callable.Id}'",
        _ => "a loop",
    };

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        long n => n != 0,
        double x => x != 0,
        MarkedText text => text.Length > 0,
        IList<object?> items => items.Count > 0,
        JinjaDict dict => dict.Count > 0,
        _ => true,
    };

    /// <summary>True for integers, floats and booleans, which are 0 and 1.</summary>
    public static bool IsNumber(object? value, out double number)
    {
        number = value switch { bool b => b ? 1 : 0, long n => n, double x => x, _ => double.NaN };
        return value is bool or long or double;
    }

    public static bool AreEqual(object? a, object? b)
    {
        if (a is long x && b is long y) return x == y;
        if (IsNumber(a, out double p) && IsNumber(b, out double q)) return p == q;
        return (a, b) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (MarkedText s, MarkedText t) => s.Equals(t),
            (List<object?> s, List<object?> t) => AllEqual(s, t),
            (object?[] s, object?[] t) => AllEqual(s, t),
            (JinjaDict s, JinjaDict t) =>
                s.Count == t.Count && s.All(pair => t.TryGetValue(pair.Key, out object? other) && AreEqual(pair.Value, other)),
            _ => ReferenceEquals(a, b),
        };
    }

    /// <summary>Negative, zero or positive, for values that have an order.</summary>
    public static int Compare(object? a, object? b)
    {
        if (a is long x && b is long y) return x.CompareTo(y);
        if (IsNumber(a, out double p) && IsNumber(b, out double q)) return p < q ? -1 : p > q ? 1 : 0;
        if (a is MarkedText s && b is MarkedText t) return string.CompareOrdinal(s.Value, t.Value);
        if (a is IList<object?> m && b is IList<object?> n && m.GetType() == n.GetType())
        {
            for (int i = 0; i < Math.Min(m.Count, n.Count); i++)
            {
                if (!AreEqual(m[i], n[i])) return Compare(m[i], n[i]);
            }

            return m.Count.CompareTo(n.Count);
        }

        throw new JinjaValueException($"{TypeName(a)} and {TypeName(b)} have no order.");
    }

    public static bool Contains(object? container, object? item) => container switch
    {
        Undefined => false,
        MarkedText text when item is MarkedText part => text.Value.Contains(part.Value, StringComparison.Ordinal),
        IList<object?> items => items.Any(x => AreEqual(x, item)),
        JinjaDict dict => item is not null and not Undefined && dict.ContainsKey(item),
        JinjaNamespace names => item is MarkedText name && names.Values.ContainsKey(name.Value),
        _ =>
            throw new JinjaValueException($"'in' looks into a string, a list or a dict, not into {TypeName(container)} for "
                + $"{TypeName(item)}."),
    };

    /// <summary>What a for loop goes through.</summary>
    public static IList<object?> Items(object? value) => value switch
    {
        Undefined => Array.Empty<object?>(),
        IList<object?> items => items,
        JinjaDict dict => dict.Keys.ToArray<object?>(),
        MarkedText text => text.Characters(),
        _ => throw new JinjaValueException($"{TypeName(value)} has no items to go through."),
    };

    /// <summary>A value as it is printed: Python's str.</summary>
    public static MarkedText ToText(object? value) => value switch
    {
        MarkedText text => text,
        Undefined => MarkedText.Empty,
        IList<object?> or JinjaDict => Repr(value),
        _ => MarkedText.Of(Scalar(value)),
    };

    /// <summary>Python's repr: a list, a tuple or a dict with its strings quoted.</summary>
    public static MarkedText Repr(object? value)
    {
        MarkedTextBuilder text = new();
        AppendRepr(text, value, 0);
        return text.ToText();
    }

    /// <summary>A float as Python prints it: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string FloatText(double x)
    {
        if (double.IsNaN(x)) return "nan";
        if (double.IsInfinity(x)) return x > 0 ? "inf" : "-inf";
        string shortest = "";
        for (int digits = 0; digits <= 16 && (shortest.Length == 0 || double.Parse(shortest, CultureInfo.InvariantCulture) != x); digits++)
            shortest = x.ToString($"E{digits}", CultureInfo.InvariantCulture);

        string[] parts = shortest.Split('E');
        int exponent = int.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string sign = parts[0].StartsWith('-') ? "-" : "";
        string figures = parts[0].Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal);
        if (exponent is < -4 or >= 16)
            return $"{parts[0]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{figures}";
        figures = figures.PadRight(exponent + 2, '0');
        return $"{sign}{figures[..(exponent + 1)]}.{figures[(exponent + 1)..]}";
    }

    /// <summary>A JSON value; its strings, keys included, are marked with their source.</summary>
    public static object? FromJson(JsonElement json, int source)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                JinjaDict dict = [];
                foreach (JsonProperty property in json.EnumerateObject())
                {
                    dict[MarkedText.Of(property.Name, source)] = FromJson(property.Value, source);
                }
                return dict;
            case JsonValueKind.Array:
                return json.EnumerateArray().Select(item => FromJson(item, source)).ToList();
            case JsonValueKind.String:
                return MarkedText.Of(json.GetString()!, source);
            case JsonValueKind.Number:
                return json.TryGetInt64(out long integer) ? (object)integer : json.GetDouble();
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            default:
                return null;
        }
    }

    internal static string Scalar(object? value) => value switch
    {
        null => "None",
        bool b => b ? "True" : "False",
        long n => n.ToString(CultureInfo.InvariantCulture),
        double x => FloatText(x),
        _ => $"<{TypeName(value)}>",
    };

    private static bool AllEqual(IList<object?> a, IList<object?> b) =>
        a.Count == b.Count && a.Zip(b).All(pair => AreEqual(pair.First, pair.Second));

    private static void AppendRepr(MarkedTextBuilder text, object? value, int depth)
    {
        if (depth > JinjaLimits.DeepestCall) throw new JinjaValueException("a value is nested too deep to be printed.");
        switch (value)
        {
            case MarkedText s:
                AppendQuoted(text, s);
                break;
            case JinjaDict dict:
                text.Append("{");
                string between = "";
                foreach ((object key, object? item) in dict)
                {
                    text.Append(between);
                    AppendRepr(text, key, depth + 1);
                    text.Append(": ");
                    AppendRepr(text, item, depth + 1);
                    between = ", ";
                }

                text.Append("}");
                break;
            case IList<object?> items:
                bool isTuple = items is object?[];
                text.Append(isTuple ? "(" : "[");
                for (int i = 0; i < items.Count; i++)
                {
                    if (i > 0) text.Append(", ");
                    AppendRepr(text, items[i], depth + 1);
                }

                text.Append(isTuple ? items.Count == 1 ? ",)" : ")" : "]");
                break;
            case Undefined:
                text.Append("Undefined");
                break;
            default:
                text.Append(Scalar(value));
                break;
        }
    }

    // Python's choice: single quotes, unless the text has those and no double ones.
    private static void AppendQuoted(MarkedTextBuilder text, MarkedText s)
    {
        char quote = s.Value.Contains('\'', StringComparison.Ordinal) && !s.Value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote.ToString());
        for (int i = 0; i < s.Length; i++)
        {
            char c = s.Value[i];
            string shown = c switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\\' => "\\\\",
                _ when c == quote => "\\" + c,
                < ' ' or '\x7f' => $"\\x{(int)c:x2}",
                _ => c.ToString(),
            };
            text.Append(shown, s.Marks[i]);
        }

        text.Append(quote.ToString());
    }
}
