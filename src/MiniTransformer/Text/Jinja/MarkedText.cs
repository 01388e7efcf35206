using System.Text;

namespace MiniTransformer.Text.Jinja;

/// <summary>
/// A string each of whose characters knows where it comes from: from the template, from the conversation, from inside a generation block.
/// Every operation keeps the marks, so that of a rendered conversation it is known which text may be read as special tokens (the template's
/// only) and which carries loss.
/// <code>
/// &lt;|user|&gt; H i &lt;|end|&gt;      Value
///    0     4 4    0         Marks: one character each, (source &lt;&lt; 1) | generated
/// </code>
/// </summary>
public sealed class MarkedText : IEquatable<MarkedText>
{
    /// <summary>The text without a character.</summary>
    public static readonly MarkedText Empty = new("", "");

    internal const int FromTemplate = 0;
    internal const int FromData = 1;

    private const int FirstMessage = 2;
    private const int MostSources = char.MaxValue >> 1;

    internal MarkedText(string value, string marks) => (Value, Marks) = (value, marks);

    /// <summary>The characters.</summary>
    public string Value { get; }

    /// <summary>Number of UTF-16 units.</summary>
    public int Length => Value.Length;

    internal string Marks { get; }

    /// <summary>True where the character was written by the template, which alone may make special tokens.</summary>
    public bool IsTemplate(int index) => Marks[index] >> 1 == FromTemplate;

    /// <summary>True where the character stands in a generation block.</summary>
    public bool IsGenerated(int index) => (Marks[index] & 1) != 0;

    /// <summary>The message, counted from 0, whose content the character belongs to; or -1.</summary>
    public int MessageOf(int index) => (Marks[index] >> 1) - FirstMessage;

    /// <inheritdoc/>
    public bool Equals(MarkedText? other) => other is not null && Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MarkedText);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Value;

    internal static MarkedText Of(string value, int source = FromTemplate) => new(value, new string((char)(source << 1), value.Length));

    internal static int SourceOfMessage(int message) => Math.Min(FirstMessage + message, MostSources);

    internal MarkedText Sub(int start, int length) =>
        length == Length ? this : new(Value.Substring(start, length), Marks.Substring(start, length));

    internal MarkedText Sub(int start) => Sub(start, Length - start);

    /// <summary>Other characters with these marks, one for one.</summary>
    internal MarkedText With(string sameLength) => new(sameLength, Marks);

    /// <summary>One text after another; what is longer than a template may make is refused.</summary>
    public static MarkedText operator +(MarkedText a, MarkedText b) =>
        a.Length == 0
            ? b
            : b.Length == 0 ? a : new(JinjaLimits.Checked(a.Value.Length + (long)b.Length, a.Value, b.Value), a.Marks + b.Marks);

    internal static MarkedText Join(MarkedText separator, IEnumerable<MarkedText> parts)
    {
        MarkedTextBuilder joined = new();
        bool first = true;
        foreach (MarkedText part in parts)
        {
            if (!first) joined.Append(separator);
            joined.Append(part);
            first = false;
        }

        return joined.ToText();
    }

    internal MarkedText Strip(Func<char, bool> stripped, bool left = true, bool right = true)
    {
        int start = 0, stop = Length;
        while (left && start < stop && stripped(Value[start])) start++;
        while (right && stop > start && stripped(Value[stop - 1])) stop--;
        return Sub(start, stop - start);
    }

    internal MarkedText Replace(string old, MarkedText with, long most = long.MaxValue)
    {
        MarkedTextBuilder result = new();
        int start = 0;
        if (old.Length == 0)
        {
            // As in Python: between all characters, and at both ends.
            for (; start < Length && most > 0; start++, most--) result.Append(with).Append(Sub(start, 1));
            if (start == Length && most > 0) result.Append(with);
            return result.Append(Sub(start)).ToText();
        }

        for (int at; most > 0 && (at = Value.IndexOf(old, start, StringComparison.Ordinal)) >= 0; start = at + old.Length, most--)
            result.Append(Sub(start, at - start)).Append(with);
        return result.Append(Sub(start)).ToText();
    }

    /// <summary>The characters as Python counts them: a pair of surrogates is one.</summary>
    internal MarkedText[] Characters()
    {
        List<MarkedText> characters = new(Length);
        for (int i = 0; i < Length; i++)
        {
            int length = char.IsSurrogatePair(Value, i) ? 2 : 1;
            characters.Add(Sub(i, length));
            i += length - 1;
        }

        return [.. characters];
    }
}

/// <summary>Collects marked text; what is added while <see cref="Generating"/> is marked as generated.</summary>
internal sealed class MarkedTextBuilder
{
    private readonly StringBuilder value = new();
    private readonly StringBuilder marks = new();

    /// <summary>How many generation blocks are open.</summary>
    public int Generating { get; set; }

    public int Length => value.Length;

    public MarkedTextBuilder Append(MarkedText text)
    {
        JinjaLimits.CheckLength(value.Length + (long)text.Length);
        value.Append(text.Value);
        int start = marks.Length;
        marks.Append(text.Marks);
        for (int i = start; Generating > 0 && i < marks.Length; i++) marks[i] |= (char)1;
        return this;
    }

    public MarkedTextBuilder Append(string text, char mark = (char)0)
    {
        value.Append(text);
        marks.Append(mark, text.Length);
        return this;
    }

    public MarkedText ToText() => new(value.ToString(), marks.ToString());
}
