using System.Globalization;

namespace MiniTransformer.Text.Jinja;

/// <summary>
/// The filter tojson as Hugging Face defines it for chat templates: Python's json.dumps(x, ensure_ascii, indent, separators, sort_keys)
/// with ensure_ascii false, so ", " and ": " between items, "," and ": " when indented, and nothing escaped for HTML.
/// </summary>
internal static class JinjaJson
{
    public static MarkedText Write(object? value, CallArguments arguments)
    {
        bool ascii = arguments.Truth("ensure_ascii", false);
        object? indent = arguments.Next("indent", (object?)null);
        object? separators = arguments.Next("separators", (object?)null);
        bool sorted = arguments.Truth("sort_keys", false);
        string? step = indent switch
        {
            null => null,
            long n => new string(' ', (int)Math.Clamp(n, 0, 1000)),
            MarkedText text => text.Value,
            _ => throw new JinjaValueException($"argument 'indent' must be an integer; it is {JinjaValues.TypeName(indent)}."),
        };
        (string between, string afterKey) = separators switch
        {
            null => (step is null ? ", " : ",", ": "),
            IList<object?> and [MarkedText item, MarkedText key] => (item.Value, key.Value),
            _ => throw new JinjaValueException("argument 'separators' must be two strings."),
        };
        Writer writer = new(step, between, afterKey, sorted, ascii);
        writer.Write(value, 0);
        return writer.Text;
    }

    private sealed class Writer(string? indent, string between, string afterKey, bool sorted, bool ascii)
    {
        private readonly MarkedTextBuilder text = new();

        public MarkedText Text => text.ToText();

        public void Write(object? value, int depth)
        {
            if (depth > JinjaLimits.DeepestCall) throw new JinjaValueException("a value is nested too deep for JSON.");
            switch (value)
            {
                case null:
                    text.Append("null");
                    break;
                case bool b:
                    text.Append(b ? "true" : "false");
                    break;
                case long n:
                    text.Append(n.ToString(CultureInfo.InvariantCulture));
                    break;
                case double x:
                    text.Append(double.IsNaN(x)
                        ? "NaN"
                        : double.IsInfinity(x) ? x > 0 ? "Infinity" : "-Infinity" : JinjaValues.FloatText(x));
                    break;
                case MarkedText s:
                    String(s);
                    break;
                case IList<object?> items:
                    Each("[", "]", items, depth, item => Write(item, depth + 1));
                    break;
                case JinjaDict dict:
                    KeyValuePair<object, object?>[] pairs = [.. dict];
                    if (sorted) pairs = [.. pairs.OrderBy(pair => pair.Key, Comparer<object>.Create(JinjaValues.Compare))];
                    Each("{", "}", pairs, depth, pair => Pair(pair, depth));
                    break;
                default:
                    throw new JinjaValueException($"{JinjaValues.TypeName(value)} cannot be written as JSON.");
            }
        }

        private void Pair(KeyValuePair<object, object?> pair, int depth)
        {
            String(pair.Key as MarkedText ?? MarkedText.Of(pair.Key is bool b ? b ? "true" : "false" : JinjaValues.Scalar(pair.Key)));
            text.Append(afterKey);
            Write(pair.Value, depth + 1);
        }

        private void Each<T>(string open, string close, IList<T> items, int depth, Action<T> write)
        {
            text.Append(open);
            for (int i = 0; i < items.Count; i++)
            {
                if (i > 0) text.Append(between);
                NewLine(depth + 1);
                write(items[i]);
            }

            if (items.Count > 0) NewLine(depth);
            text.Append(close);
        }

        private void NewLine(int depth)
        {
            if (indent is null) return;
            text.Append("\n");
            for (int i = 0; i < depth; i++) text.Append(indent);
            JinjaLimits.CheckLength(text.Length);
        }

        private void String(MarkedText s)
        {
            text.Append("\"");
            for (int i = 0; i < s.Length; i++)
            {
                char c = s.Value[i];
                text.Append(
                    c switch
                    {
                        '"' => "\\\"",
                        '\\' => "\\\\",
                        '\n' => "\\n",
                        '\r' => "\\r",
                        '\t' => "\\t",
                        '\b' => "\\b",
                        '\f' => "\\f",
                        < ' ' => $"\\u{(int)c:x4}",
                        > '~' when ascii => $"\\u{(int)c:x4}",
                        _ => c.ToString(),
                    },
                    s.Marks[i]);
            }

            JinjaLimits.CheckLength(text.Length);
            text.Append("\"");
        }
    }
}
