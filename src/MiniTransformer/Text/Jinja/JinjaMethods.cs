using System.Globalization;

namespace MiniTransformer.Text.Jinja;

/// <summary>
/// Methods of Python's str, dict and list, as templates call them. What would change a value is not among them: a template changes nothing
/// that it was given.
/// </summary>
internal static class JinjaMethods
{
    /// <summary>The method of a value, or null where there is none of this name.</summary>
    public static Callable? Find(object? target, string name) => target switch
    {
        MarkedText text => Of(text, name),
        JinjaDict dict => Of(dict, name),
        IList<object?> items => Of(items, name),
        _ => null,
    };

    /// <summary>The pairs of a dict as tuples (key, value).</summary>
    public static List<object?> Pairs(JinjaDict dict) => [.. dict.Select(pair => new object?[] { pair.Key, pair.Value })];

    public static MarkedText Stripped(MarkedText text, object? characters, bool left, bool right) => text.Strip(
        characters switch
        {
            null => IsSpace,
            MarkedText set => c => set.Value.Contains(c, StringComparison.Ordinal),
            _ => throw new JinjaValueException($"the characters to strip must be a string; they are {JinjaValues.TypeName(characters)}."),
        },
        left,
        right);

    /// <summary>Parts between separators; null separates at runs of white space and leaves none empty.</summary>
    public static MarkedText[] Split(MarkedText text, string? separator, long most)
    {
        if (separator is { Length: 0 }) throw new JinjaValueException("the separator of split is empty.");
        List<MarkedText> parts = [];
        int start = 0;
        while (separator is null)
        {
            while (start < text.Length && IsSpace(text.Value[start])) start++;
            if (start == text.Length) return [.. parts];
            int end = parts.Count < most ? start : text.Length;
            while (end < text.Length && !IsSpace(text.Value[end])) end++;
            parts.Add(text.Sub(start, end - start));
            start = end;
        }

        for (int at; parts.Count < most && (at = text.Value.IndexOf(separator, start, StringComparison.Ordinal)) >= 0;
        start = at + separator.Length)
            parts.Add(text.Sub(start, at - start));
        parts.Add(text.Sub(start));
        return [.. parts];
    }

    public static MarkedText Title(MarkedText text)
    {
        char[] letters = text.Value.ToCharArray();
        for (int i = 0; i < letters.Length; i++)
            letters[i] = i > 0 && char.IsLetter(letters[i - 1]) ? char.ToLowerInvariant(letters[i]) : char.ToUpperInvariant(letters[i]);
        return text.With(new string(letters));
    }

    public static MarkedText Capitalize(MarkedText text) =>
        text.Length == 0 ? text : JinjaFilters.Upper(text.Sub(0, 1)) + JinjaFilters.Lower(text.Sub(1));

    public static bool IsLower(string text) => text.Any(char.IsLetter) && text == text.ToLowerInvariant();

    public static bool IsUpper(string text) => text.Any(char.IsLetter) && text == text.ToUpperInvariant();

    public static MarkedText Padded(MarkedText text, long width, bool left, bool right, char fill = ' ')
    {
        JinjaLimits.CheckLength(width);
        int missing = (int)Math.Max(0, width - text.Characters().Length);
        int before = left && right ? missing / 2 + (missing & (int)width & 1) : left ? missing : 0;
        return MarkedText.Of(new string(fill, before)) + text + MarkedText.Of(new string(fill, missing - before));
    }

    /// <summary>'%s is %d' with values: s, r, d, i, f, x and %%, with a precision for f.</summary>
    public static MarkedText Percent(MarkedText format, IList<object?> values)
    {
        MarkedTextBuilder text = new();
        int used = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format.Value[i] != '%')
            {
                text.Append(format.Sub(i, 1));
                continue;
            }

            int kind = i + 1;
            while (kind < format.Length && (char.IsAsciiDigit(format.Value[kind]) || format.Value[kind] is '.' or '-')) kind++;
            if (kind >= format.Length) throw new JinjaValueException("a format ends in '%'.");
            string width = format.Value[(i + 1)..kind];
            i = kind;
            if (format.Value[kind] == '%')
            {
                text.Append("%");
                continue;
            }

            if (used >= values.Count) throw new JinjaValueException("a format has more places than values.");
            text.Append(Formatted(values[used++], width + format.Value[kind]));
        }

        return used == values.Count
            ? text.ToText()
            : throw new JinjaValueException($"a format has {used} places and {values.Count} values.");
    }

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    // One value by a specification such as s, d, 5d, .2f, 02d, -8s, x.
    private static MarkedText Formatted(object? value, string specification)
    {
        string body = specification[..^1];
        bool toLeft = body.StartsWith('-');
        body = toLeft ? body[1..] : body;
        string[] parts = body.Split('.');
        int precision = parts.Length > 1 && int.TryParse(parts[1], CultureInfo.InvariantCulture, out int digits) ? Math.Min(digits, 50) : 6;
        _ = long.TryParse(parts[0], CultureInfo.InvariantCulture, out long width);
        bool isNumber = JinjaValues.IsNumber(value, out double number);
        char kind = specification[^1];
        if (kind is not ('s' or 'r') && !isNumber)
        {
            throw new JinjaValueException($"the format '{kind}' needs a number; this is {JinjaValues.TypeName(value)}.");
        }
        MarkedText text = kind switch
        {
            's' => JinjaValues.ToText(value),
            'r' => JinjaValues.Repr(value),
            'd' or 'i' => MarkedText.Of(Math.Truncate(number).ToString("F0", CultureInfo.InvariantCulture)),
            'f' => MarkedText.Of(number.ToString($"F{precision}", CultureInfo.InvariantCulture)),
            'x' => MarkedText.Of(((long)number).ToString("x", CultureInfo.InvariantCulture)),
            _ => throw new JinjaValueException($"there is no format '{kind}'."),
        };
        return Padded(text, width, left: !toLeft, right: toLeft, fill: parts[0].StartsWith('0') && kind is not ('s' or 'r')
            && !toLeft ? '0' : ' ');
    }

    private static Callable? Of(MarkedText text, string name)
    {
        Func<CallArguments, object?>? body = name switch
        {
            "strip" => a => Stripped(text, a.Next("chars", (object?)null), left: true, right: true),
            "lstrip" => a => Stripped(text, a.Next("chars", (object?)null), left: true, right: false),
            "rstrip" => a => Stripped(text, a.Next("chars", (object?)null), left: false, right: true),
            "split" => a => Split(text, Separator(a), JinjaFilters.Most(a.Next("maxsplit", (object?)null))).ToList<object?>(),
            "rsplit" => a => RightSplit(text, Separator(a), JinjaFilters.Most(a.Next("maxsplit", (object?)null))),
            "splitlines" => a => Lines(text, a.Truth("keepends", false)),
            "startswith" => a => Affixes(a.Needed("prefix")).Any(affix => text.Value.StartsWith(affix, StringComparison.Ordinal)),
            "endswith" => a => Affixes(a.Needed("suffix")).Any(affix => text.Value.EndsWith(affix, StringComparison.Ordinal)),
            "removeprefix" => a => a.Text("prefix") is { } p && text.Value.StartsWith(p.Value, StringComparison.Ordinal)
                ? text.Sub(p.Length)
                : text,
            "removesuffix" => a => a.Text("suffix") is { } s && text.Value.EndsWith(s.Value, StringComparison.Ordinal)
                ? text.Sub(0, text.Length - s.Length)
                : text,
            "upper" => _ => JinjaFilters.Upper(text),
            "lower" => _ => JinjaFilters.Lower(text),
            "title" => _ => Title(text),
            "capitalize" => _ => Capitalize(text),
            "replace" => a => text.Replace(a.Text("old").Value, a.Text("new"), JinjaFilters.Most(a.Next("count", (object?)null))),
            "join" => a => MarkedText.Join(text, JinjaValues.Items(a.Needed("iterable")).Select(item => item as MarkedText
                ?? throw new JinjaValueException($"join needs strings; an item is {JinjaValues.TypeName(item)}."))),
            "find" => a => (long)text.Value.IndexOf(a.Text("sub").Value, StringComparison.Ordinal),
            "rfind" => a => (long)text.Value.LastIndexOf(a.Text("sub").Value, StringComparison.Ordinal),
            "index" => a => text.Value.IndexOf(a.Text("sub").Value, StringComparison.Ordinal) is >= 0 and int at
                ? (long)at
                : throw new JinjaValueException("index: not found."),
            "count" => a => a.Text("sub") is { Length: > 0 } sub ? Split(text, sub.Value, long.MaxValue).Length - 1L : text.Length + 1L,
            "partition" => a => Partition(text, a.Text("sep").Value, last: false),
            "rpartition" => a => Partition(text, a.Text("sep").Value, last: true),
            "format" => a => Braces(text, a),
            "zfill" => a => Padded(text, a.Integer("width", 0), left: true, right: false, fill: '0'),
            "ljust" => a => Padded(text, a.Integer("width", 0), left: false, right: true),
            "rjust" => a => Padded(text, a.Integer("width", 0), left: true, right: false),
            "center" => a => Padded(text, a.Integer("width", 0), left: true, right: true),
            "isdigit" or "isdecimal" or "isnumeric" => _ => text.Length > 0 && text.Value.All(char.IsDigit),
            "isalpha" => _ => text.Length > 0 && text.Value.All(char.IsLetter),
            "isalnum" => _ => text.Length > 0 && text.Value.All(char.IsLetterOrDigit),
            "isspace" => _ => text.Length > 0 && text.Value.All(IsSpace),
            "islower" => _ => IsLower(text.Value),
            "isupper" => _ => IsUpper(text.Value),
            _ => null,
        };
        return body is null ? null : new Callable($"str.{name}", body);
    }

    private static Callable? Of(JinjaDict dict, string name)
    {
        Func<CallArguments, object?>? body = name switch
        {
            "get" => a => (a.Needed("key"), a.Next("default", (object?)null)) is var (key, otherwise) && key is not null
                && dict.TryGetValue(key, out object? found) ? found : otherwise,
            "items" => _ => Pairs(dict),
            "keys" => _ => dict.Keys.ToList<object?>(),
            "values" => _ => dict.Values.ToList(),
            "copy" => _ => dict,
            _ => null,
        };
        return body is null ? null : new Callable($"dict.{name}", body);
    }

    private static Callable? Of(IList<object?> items, string name)
    {
        Func<CallArguments, object?>? body = name switch
        {
            "index" => a => a.Needed("value") is var value
                && items.ToList().FindIndex(x => JinjaValues.AreEqual(x, value)) is >= 0 and int at
                ? (long)at : throw new JinjaValueException("index: the list has no such item."),
            "count" => a => a.Needed("value") is var value ? (object)(long)items.Count(x => JinjaValues.AreEqual(x, value)) : 0L,
            "copy" => _ => items,
            "append" or "extend" or "insert" or "pop" or "remove" or "clear" or "sort" or "reverse" =>
                _ =>
                    throw new JinjaValueException($"'{name}' would change a list, which Hugging Face's templates may not; write x + "
                        + "[item]."),
            _ => null,
        };
        return body is null ? null : new Callable($"list.{name}", body);
    }

    private static string? Separator(CallArguments arguments) => arguments.Next("sep", (object?)null) switch
    {
        null => null,
        MarkedText text => text.Value,
        object other => throw new JinjaValueException($"a separator must be a string; it is {JinjaValues.TypeName(other)}."),
    };

    private static IEnumerable<string> Affixes(object? affix) => affix switch
    {
        MarkedText text => [text.Value],
        object?[] many => many.Select(item => JinjaValues.ToText(item).Value),
        _ => throw new JinjaValueException($"startswith and endswith need a string; this is {JinjaValues.TypeName(affix)}."),
    };

    private static List<object?> RightSplit(MarkedText text, string? separator, long most)
    {
        MarkedText[] parts = Split(text, separator, long.MaxValue);
        int joined = (int)Math.Max(0, parts.Length - 1 - most);
        if (joined == 0) return [.. parts];
        int tail = separator is null ? 0 : parts[(joined + 1)..].Sum(part => part.Length + separator.Length);
        MarkedText head = separator is null ? MarkedText.Join(MarkedText.Of(" "), parts[..(joined + 1)]) : text.Sub(0, text.Length - tail);
        return [head, .. parts[(joined + 1)..]];
    }

    private static List<object?> Lines(MarkedText text, bool keepEnds)
    {
        List<object?> lines = [];
        for (int start = 0; start < text.Length;)
        {
            int end = text.Value.AsSpan(start).IndexOfAny('\n', '\r');
            end = end < 0 ? text.Length : start + end;
            int next = end == text.Length ? end : text.Value.AsSpan(end).StartsWith("\r\n") ? end + 2 : end + 1;
            lines.Add(text.Sub(start, (keepEnds ? next : end) - start));
            start = next;
        }

        return lines;
    }

    private static object?[] Partition(MarkedText text, string separator, bool last)
    {
        int at = last
            ? text.Value.LastIndexOf(separator, StringComparison.Ordinal)
            : text.Value.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0) return last ? [MarkedText.Empty, MarkedText.Empty, text] : [text, MarkedText.Empty, MarkedText.Empty];
        return [text.Sub(0, at), text.Sub(at, separator.Length), text.Sub(at + separator.Length)];
    }

    // '{} {0} {name}'.format(...); {{ and }} stand for braces, and there is no specification after ':'.
    private static MarkedText Braces(MarkedText format, CallArguments arguments)
    {
        List<object?> positional = arguments.RestOfPositional();
        JinjaDict named = arguments.RestOfNamed();
        MarkedTextBuilder text = new();
        int next = 0;
        for (int i = 0; i < format.Length; i++)
        {
            char c = format.Value[i];
            if (c is not ('{' or '}') || (i + 1 < format.Length && format.Value[i + 1] == c))
            {
                text.Append(format.Sub(i, 1));
                if (c is '{' or '}') i++;
                continue;
            }

            int close = format.Value.IndexOf('}', i);
            if (c == '}' || close < 0) throw new JinjaValueException("a format has a brace without its other half.");
            string field = format.Value[(i + 1)..close];
            int index = field.Length == 0
                ? next++
                : int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : -1;
            object? value = index >= 0
                ? index < positional.Count ? positional[index] : throw new JinjaValueException("a format has more places than values.")
                : named.Find(field) is { } found and not Undefined
                ? found
                : throw new JinjaValueException($"a format has no value for '{{{field}}}'.");
            text.Append(JinjaValues.ToText(value));
            i = close;
        }

        return text.ToText();
    }
}
