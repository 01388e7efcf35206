using System.Globalization;
using System.Text;

namespace MiniTransformer.Text.Jinja;

/// <summary>The functions that every template has, Hugging Face's raise_exception and strftime_now among them.</summary>
internal static class JinjaGlobals
{
    public static IEnumerable<KeyValuePair<string, object?>> All(DateTime now)
    {
        yield return Function("range", Range);
        yield return Function("namespace", Namespace);
        yield return Function("dict", arguments =>
            arguments.Next("values", new JinjaDict()) is JinjaDict given
                ? Merged(given, arguments.RestOfNamed())
                : throw new JinjaValueException("dict needs a dict."));
        yield return Function("raise_exception", arguments =>
            throw new JinjaValueException($"the template refuses the conversation: {arguments.Text("message")}"));
        yield return Function("strftime_now", arguments => MarkedText.Of(Strftime(arguments.Text("format").Value, now)));
    }

    /// <summary>A time by C's format, in English.</summary>
    public static string Strftime(string format, DateTime time)
    {
        StringBuilder text = new();
        CultureInfo english = CultureInfo.InvariantCulture;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            bool plain = format[++i] == '-' && i + 1 < format.Length;  // %-d: without the leading zero
            if (plain) i++;
            string part = format[i] switch
            {
                'Y' => time.Year.ToString("0000", english),
                'y' => time.ToString("yy", english),
                'm' => time.ToString("MM", english),
                'B' => time.ToString("MMMM", english),
                'b' or 'h' => time.ToString("MMM", english),
                'd' => time.ToString("dd", english),
                'e' => $"{time.Day,2}",
                'A' => time.ToString("dddd", english),
                'a' => time.ToString("ddd", english),
                'u' => (((int)time.DayOfWeek + 6) % 7 + 1).ToString(english),
                'w' => ((int)time.DayOfWeek).ToString(english),
                'j' => time.DayOfYear.ToString("000", english),
                'H' => time.ToString("HH", english),
                'I' => time.ToString("hh", english),
                'M' => time.ToString("mm", english),
                'S' => time.ToString("ss", english),
                'f' => time.ToString("ffffff", english),
                'p' => time.Hour < 12 ? "AM" : "PM",
                'F' => time.ToString("yyyy-MM-dd", english),
                'D' or 'x' => time.ToString("MM'/'dd'/'yy", english),
                'T' or 'X' => time.ToString("HH:mm:ss", english),
                'R' => time.ToString("HH:mm", english),
                'c' => $"{time.ToString("ddd MMM", english)} {time.Day,2} {time.ToString("HH:mm:ss yyyy", english)}",
                'Z' or 'z' => "",
                'n' => "\n",
                't' => "\t",
                '%' => "%",
                _ => "%" + format[i],
            };
            text.Append(plain && part.Length > 1 ? part.TrimStart('0', ' ') : part);
        }

        return text.ToString();
    }

    private static KeyValuePair<string, object?> Function(string name, Func<CallArguments, object?> body) =>
        new(name, new Callable(name, body));

    private static object Range(CallArguments arguments)
    {
        long[] bounds = [.. arguments.RestOfPositional()
            .Select(value => value as long?
                ?? throw new JinjaValueException($"range needs integers; this is {JinjaValues.TypeName(value)}."))];
        (long from, long to, long by) = bounds switch
        {
            [var stop] => (0L, stop, 1L),
            [var start, var stop] => (start, stop, 1L),
            [var start, var stop, var step] when step != 0 => (start, stop, step),
            _ => throw new JinjaValueException("range needs one to three integers, the step not 0."),
        };
        double count = Math.Max(0, Math.Ceiling((to - (double)from) / by));
        if (count > JinjaLimits.LongestRange)
        {
            throw new JinjaValueException($"a range of {count:0} items; the longest has {JinjaLimits.LongestRange}.");
        }
        return Enumerable.Range(0, (int)count).Select(i => (object?)(from + i * by)).ToList();
    }

    private static JinjaNamespace Namespace(CallArguments arguments)
    {
        JinjaNamespace made = new();
        if (arguments.Next("values", (object?)null) is JinjaDict given)
        {
            foreach ((object key, object? value) in given) made.Values[JinjaValues.ToText(key).Value] = value;
        }

        foreach ((object key, object? value) in arguments.RestOfNamed()) made.Values[JinjaValues.ToText(key).Value] = value;
        return made;
    }

    private static JinjaDict Merged(JinjaDict first, JinjaDict second)
    {
        JinjaDict merged = [];
        foreach ((object key, object? value) in first.Concat(second)) merged[key] = value;
        return merged;
    }
}
