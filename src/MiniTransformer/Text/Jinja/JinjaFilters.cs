using System.Globalization;

namespace MiniTransformer.Text.Jinja;

/// <summary>
/// Jinja's filters that chat templates use, with the meaning they have in Python's Jinja and, for tojson, in Hugging Face's.
/// </summary>
internal static class JinjaFilters
{
    public static object? Apply(string name, object? input, CallArguments arguments, JinjaInterpreter interpreter) => name switch
    {
        // Text
        "trim" => JinjaMethods.Stripped(JinjaValues.ToText(input), arguments.Next("chars", (object?)null), left: true, right: true),
        "upper" => Upper(JinjaValues.ToText(input)),
        "lower" => Lower(JinjaValues.ToText(input)),
        "title" => JinjaMethods.Title(JinjaValues.ToText(input)),
        "capitalize" => JinjaMethods.Capitalize(JinjaValues.ToText(input)),
        "string" => JinjaValues.ToText(input),
        "safe" => input,
        "replace" => JinjaValues.ToText(input)
            .Replace(arguments.Text("old").Value, arguments.Text("new"), Most(arguments.Next("count", (object?)null))),
        "indent" => Indent(JinjaValues.ToText(input), arguments),
        "escape" or "e" => Escaped(JinjaValues.ToText(input)),
        "format" => JinjaMethods.Percent(JinjaValues.ToText(input), arguments.RestOfPositional()),
        "wordcount" => (long)JinjaValues.ToText(input).Value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length,
        "center" => JinjaMethods.Padded(JinjaValues.ToText(input), arguments.Integer("width", 80), left: true, right: true),
        "tojson" => JinjaJson.Write(input, arguments),

        // Numbers
        "int" => Whole(input, arguments),
        "float" => Real(input, arguments.Next("default", 0.0)),
        "abs" => input switch { long n => (object)Math.Abs(n), double x => Math.Abs(x), _ => throw Wrong(name, "a number", input) },
        "round" => Rounded(input, arguments.Integer("precision", 0), arguments.Text("method", "common").Value),

        // Anything
        "default" or "d" => Default(input, arguments),
        "length" or "count" => Length(input),
        "attr" => input is Undefined ? input : JinjaOperators.Item(input, arguments.Text("name")),

        // Lists and dicts
        "list" => JinjaValues.Items(input).ToList(),
        "first" => JinjaValues.Items(input) is [var item, ..] ? item : new Undefined("the first item of nothing"),
        "last" => JinjaValues.Items(input) is [.., var item] ? item : new Undefined("the last item of nothing"),
        "join" => Join(input, arguments),
        "reverse" => input is MarkedText text
            ? MarkedText.Join(MarkedText.Empty, text.Characters().Reverse())
            : JinjaValues.Items(input).Reverse().ToList(),
        "items" => input is Undefined
            ? new List<object?>()
            : input is JinjaDict dict ? JinjaMethods.Pairs(dict) : throw Wrong(name, "a dict", input),
        "dictsort" => DictSort(input, arguments),
        "sort" => Sort(JinjaValues.Items(input), arguments),
        "unique" => Unique(JinjaValues.Items(input), arguments),
        "min" => Extreme(JinjaValues.Items(input), arguments, -1),
        "max" => Extreme(JinjaValues.Items(input), arguments, 1),
        "sum" => Sum(JinjaValues.Items(input), arguments),
        "batch" => Batch(JinjaValues.Items(input), arguments),
        "groupby" => GroupBy(JinjaValues.Items(input), arguments),
        "map" => Map(JinjaValues.Items(input), arguments, interpreter),
        "select" => Select(JinjaValues.Items(input), arguments, interpreter, byAttribute: false, kept: true),
        "reject" => Select(JinjaValues.Items(input), arguments, interpreter, byAttribute: false, kept: false),
        "selectattr" => Select(JinjaValues.Items(input), arguments, interpreter, byAttribute: true, kept: true),
        "rejectattr" => Select(JinjaValues.Items(input), arguments, interpreter, byAttribute: true, kept: false),
        _ => throw new JinjaValueException($"there is no filter '{name}'."),
    };

    public static MarkedText Upper(MarkedText text) => text.With(text.Value.ToUpperInvariant());

    public static MarkedText Lower(MarkedText text) => text.With(text.Value.ToLowerInvariant());

    /// <summary>A count as Python's replace and split take it: a negative one, and none, is all.</summary>
    public static long Most(object? count) => count switch
    {
        null => long.MaxValue,
        long n => n < 0 ? long.MaxValue : n,
        _ => throw new JinjaValueException($"a count must be an integer; it is {JinjaValues.TypeName(count)}."),
    };

    private static JinjaValueException Wrong(string filter, string needed, object? arrived) =>
        new($"filter '{filter}' needs {needed}; this is {JinjaValues.TypeName(arrived)}.");

    private static object Length(object? input) => input switch
    {
        MarkedText text => (long)text.Characters().Length,
        JinjaDict dict => (long)dict.Count,
        IList<object?> or Undefined => (long)JinjaValues.Items(input).Count,
        _ => throw Wrong("length", "a string, a list or a dict", input),
    };

    private static object? Default(object? input, CallArguments arguments)
    {
        object? otherwise = arguments.Next("default_value", MarkedText.Empty);
        bool alsoFalse = arguments.Truth("boolean", false);
        return input is Undefined || (alsoFalse && !JinjaValues.IsTrue(input)) ? otherwise : input;
    }

    private static MarkedText Join(object? input, CallArguments arguments)
    {
        MarkedText separator = JinjaValues.ToText(arguments.Next("d", MarkedText.Empty));
        object? attribute = arguments.Next("attribute", (object?)null);
        return MarkedText.Join(separator, JinjaValues.Items(input).Select(item => JinjaValues.ToText(Member(item, attribute))));
    }

    // Every line after the first (or the first too) begins with the indent; empty lines only if 'blank'.
    private static MarkedText Indent(MarkedText text, CallArguments arguments)
    {
        object? width = arguments.Next("width", 4L);
        bool first = arguments.Truth("first", false), blank = arguments.Truth("blank", false);
        MarkedText indent = width as MarkedText ?? MarkedText.Of(new string(' ', (int)Math.Clamp(width as long? ?? 4, 0, 1000)));
        MarkedText[] lines = JinjaMethods.Split(text, "\n", long.MaxValue);
        return MarkedText.Join(MarkedText.Of("\n"),
            lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? indent + line : line));
    }

    private static MarkedText Escaped(MarkedText text) =>
        new[] { ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;") }
        .Aggregate(text, (escaped, pair) => escaped.Replace(pair.Item1, MarkedText.Of(pair.Item2, MarkedText.FromData)));

    private static object? Whole(object? input, CallArguments arguments)
    {
        object? otherwise = arguments.Next("default", 0L);
        long radix = arguments.Integer("base", 10);
        switch (input)
        {
            case long or bool:
                return input is bool b ? b ? 1L : 0L : input;
            case double x:
                return Math.Abs(x) < 9e18 ? (long)x : otherwise;
            case MarkedText text when radix == 10:
                string digits = text.Value.Trim();
                if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long parsed)) return parsed;
                return double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && Math.Abs(real) < 9e18
                    ? (long)real
                    : otherwise;
            case MarkedText text when radix is 2 or 8 or 16:
                try
                {
                    return Convert.ToInt64(text.Value.Trim(), (int)radix);
                }
                catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
                {
                    return otherwise;
                }

            default:
                return otherwise;
        }
    }

    private static object? Real(object? input, object? otherwise) =>
        JinjaValues.IsNumber(input, out double number) ? number
        : input is MarkedText text
        && double.TryParse(text.Value.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) ? parsed : otherwise;

    private static object Rounded(object? input, long precision, string method)
    {
        if (!JinjaValues.IsNumber(input, out double x)) throw Wrong("round", "a number", input);
        double scale = Math.Pow(10, precision);
        return method switch
        {
            "common" => precision is >= 0 and <= 15
                ? Math.Round(x, (int)precision, MidpointRounding.ToEven)
                : Math.Round(x * scale) / scale,
            "ceil" => Math.Ceiling(x * scale) / scale,
            "floor" => Math.Floor(x * scale) / scale,
            _ => throw new JinjaValueException("filter 'round' knows the methods common, ceil and floor."),
        };
    }

    // An attribute may be a path, "function.name", or an index.
    private static object? Member(object? item, object? attribute)
    {
        if (attribute is null) return item;
        if (attribute is long) return JinjaOperators.Item(item, attribute);
        foreach (string part in JinjaValues.ToText(attribute).Value.Split('.'))
            item = JinjaOperators.Item(item,
                long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index : MarkedText.Of(part));
        return item;
    }

    // Strings are compared without case, unless told otherwise.
    private static object? Key(object? item, object? attribute, bool caseSensitive)
    {
        object? key = Member(item, attribute);
        return key is MarkedText text && !caseSensitive ? Lower(text) : key;
    }

    private static List<object?> Sort(IList<object?> items, CallArguments arguments)
    {
        bool reverse = arguments.Truth("reverse", false), caseSensitive = arguments.Truth("case_sensitive", false);
        object? attribute = arguments.Next("attribute", (object?)null);
        return Ordered(items, item => Key(item, attribute, caseSensitive), reverse);
    }

    private static List<object?> Ordered(IEnumerable<object?> items, Func<object?, object?> key, bool reverse)
    {
        // Stable in both directions, as Python's sort.
        var order = Comparer<object?>.Create(JinjaValues.Compare);
        try
        {
            return [.. reverse ? items.OrderByDescending(key, order) : items.OrderBy(key, order)];
        }
        catch (InvalidOperationException e) when (e.InnerException is JinjaValueException inner)
        {
            throw inner;
        }
    }

    private static List<object?> DictSort(object? input, CallArguments arguments)
    {
        if (input is not JinjaDict dict) throw Wrong("dictsort", "a dict", input);
        bool caseSensitive = arguments.Truth("case_sensitive", false);
        long by = arguments.Text("by", "key").Value == "value" ? 1 : 0;
        bool reverse = arguments.Truth("reverse", false);
        return Ordered(JinjaMethods.Pairs(dict), pair => Key(pair, by, caseSensitive), reverse);
    }

    private static List<object?> Unique(IList<object?> items, CallArguments arguments)
    {
        bool caseSensitive = arguments.Truth("case_sensitive", false);
        object? attribute = arguments.Next("attribute", (object?)null);
        List<object?> kept = [], seen = [];
        foreach (object? item in items)
        {
            object? key = Key(item, attribute, caseSensitive);
            if (seen.Exists(other => JinjaValues.AreEqual(other, key))) continue;
            seen.Add(key);
            kept.Add(item);
        }

        return kept;
    }

    private static object? Extreme(IList<object?> items, CallArguments arguments, int sign)
    {
        bool caseSensitive = arguments.Truth("case_sensitive", false);
        object? attribute = arguments.Next("attribute", (object?)null);
        if (items.Count == 0) return new Undefined("the extreme of nothing");
        return items.Aggregate((best, item) =>
            sign * JinjaValues.Compare(Key(item, attribute, caseSensitive), Key(best, attribute, caseSensitive)) > 0 ? item : best);
    }

    private static object? Sum(IList<object?> items, CallArguments arguments)
    {
        object? attribute = arguments.Next("attribute", (object?)null);
        return items.Aggregate(arguments.Next("start", 0L), (sum, item) => JinjaOperators.Binary("+", sum, Member(item, attribute)));
    }

    private static List<object?> Batch(IList<object?> items, CallArguments arguments)
    {
        int size = (int)Math.Clamp(arguments.Integer("linecount", 0), 0, int.MaxValue);
        object? fill = arguments.Next("fill_with", (object?)null);
        if (size == 0) throw new JinjaValueException("filter 'batch' needs a positive 'linecount'.");
        List<object?> batches = [.. items.Chunk(size).Select(chunk => chunk.ToList())];
        if (fill is not null && batches is [.., List<object?> last])
        {
            last.AddRange(Enumerable.Repeat(fill, Math.Min(size, JinjaLimits.LongestRange) - last.Count));
        }
        return batches;
    }

    private static List<object?> GroupBy(IList<object?> items, CallArguments arguments)
    {
        object? attribute = arguments.Needed("attribute");
        List<object?> groups = [];
        foreach (object? item in Ordered(items, item => Key(item, attribute, caseSensitive: false), reverse: false))
        {
            object? key = Member(item, attribute);
            if (groups is [.., object?[] last] && JinjaValues.AreEqual(last[0], key)) ((List<object?>)last[1]!).Add(item);
            else groups.Add(new object?[] { key, new List<object?> { item } });
        }

        return groups;
    }

    // map('upper') or map(attribute='name', default='none'): a filter's name comes by position, an attribute by name.
    private static List<object?> Map(IList<object?> items, CallArguments arguments, JinjaInterpreter interpreter)
    {
        object? attribute = arguments.Next("attribute", out bool _);
        List<object?> positional = arguments.RestOfPositional();
        JinjaDict named = arguments.RestOfNamed();
        if (positional.Count == 0 && arguments.CameByName("attribute"))
        {
            object? otherwise = named.Find("default");
            return [.. items.Select(item =>
                Member(item, attribute) is { } found and not Undefined
                    ? found
                    : otherwise is Undefined ? Member(item, attribute) : otherwise)];
        }

        string filter = JinjaValues.ToText(attribute).Value;
        return [.. items.Select(item => interpreter.ApplyFilter(filter, item, Again(positional, named)))];
    }

    private static List<object?> Select(IList<object?> items, CallArguments arguments, JinjaInterpreter interpreter, bool byAttribute,
        bool kept)
    {
        object? attribute = byAttribute ? arguments.Needed("attribute") : null;
        string? test = arguments.Next("test", (object?)null) is object name ? JinjaValues.ToText(name).Value : null;
        List<object?> positional = arguments.RestOfPositional();
        JinjaDict named = arguments.RestOfNamed();
        return [.. items.Where(item =>
        {
            object? tested = Member(item, attribute);
            return (test is null ? JinjaValues.IsTrue(tested) : interpreter.ApplyTest(test, tested, Again(positional, named))) == kept;
        })];
    }

    private static CallArguments Again(List<object?> positional, JinjaDict named) =>
        new([.. positional], named.ToDictionary(pair => JinjaValues.ToText(pair.Key).Value, pair => pair.Value, StringComparer.Ordinal));
}
