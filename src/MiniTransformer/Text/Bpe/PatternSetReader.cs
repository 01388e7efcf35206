using System.Globalization;

namespace MiniTransformer.Text.Bpe;

/// <summary>
/// Reads what matches one code point: a character, an escape (\s, \p{L}, \x{2581}), or a class in brackets with ranges, nested classes,
/// intersections (&amp;&amp;) and POSIX names.
/// </summary>
internal sealed class PatternSetReader(PatternText text)
{
    private const int DeepestClass = 50;

    private int depth;

    /// <summary>Reads one set.</summary>
    /// <param name="ignoreCase">A character or a class also has the other cases of its letters (before it is negated); \s or \p{Lu} alone
    /// has not.</param>
    public Func<int, bool> Read(bool ignoreCase)
    {
        if (text.Take('[')) return ReadClass(ignoreCase);
        int? single;
        Func<int, bool> contains;
        if (text.Next == '\\') contains = ReadEscape(inClass: false, out single);
        else contains = Single((single = text.TakeCodePoint()).Value);
        return ignoreCase && single is not null ? CharacterSet.IgnoringCase(contains) : contains;
    }

    private Func<int, bool> ReadClass(bool ignoreCase)
    {
        if (++depth > DeepestClass) throw text.Wrong($"its classes are nested deeper than {DeepestClass}");
        bool negative = text.Take('^');
        Func<int, bool>? before = null;
        List<Func<int, bool>> members = [];
        for (bool first = true; first || text.AtEnd || text.Next != ']'; first = false)
        {
            if (text.AtEnd) throw text.Wrong("a class is not closed");
            if (text.Take("&&"))
            {
                before = And(before, Any(members));
                members = [];
            }
            else
            {
                members.Add(ReadMember(ignoreCase));
            }
        }

        text.Skip(1);
        depth--;
        Func<int, bool> contains = And(before, Any(members));
        if (ignoreCase) contains = CharacterSet.IgnoringCase(contains);
        return negative ? c => !contains(c) : contains;
    }

    private Func<int, bool> ReadMember(bool ignoreCase)
    {
        if (text.Follows("[:") && text.IndexOf(']') is var close and > 2 && text.Upto(close).EndsWith(':')) return ReadPosix(close);
        if (text.Take('[')) return ReadClass(ignoreCase);
        int from;
        if (text.Next == '\\')
        {
            Func<int, bool> escaped = ReadEscape(inClass: true, out int? codePoint);
            if (codePoint is null) return escaped;
            from = codePoint.Value;
        }
        else
        {
            from = text.TakeCodePoint();
        }

        // A minus before the closing bracket, or before another class, is a minus.
        if (!text.Follows("-") || text.Follows("-]") || text.Follows("-[")) return Single(from);
        text.Skip(1);
        int to = text.TakeCodePoint();
        if (to == '\\')
        {
            text.Skip(-1);
            ReadEscape(inClass: true, out int? last);
            to = last ?? throw text.Refused("a range that ends in a class");
        }

        return from <= to ? c => c >= from && c <= to : throw text.Wrong($"the range from U+{from:X4} to U+{to:X4} is empty");
    }

    // A set; or, where the escape stands for one character, that character too.
    private Func<int, bool> ReadEscape(bool inClass, out int? codePoint)
    {
        text.Skip(1);
        codePoint = null;
        int escaped = text.TakeCodePoint();
        switch (escaped)
        {
            case 's': return UnicodeText.IsSpace;
            case 'S': return c => !UnicodeText.IsSpace(c);
            case 'w': return UnicodeText.IsWord;
            case 'W': return c => !UnicodeText.IsWord(c);
            case 'd': return IsDigit;
            case 'D': return c => !IsDigit(c);
            case 'h': return IsHex;
            case 'H': return c => !IsHex(c);
            case 'p' or 'P': return ReadProperty(escaped == 'P');
        }

        int single = escaped switch
        {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\f',
            'v' => '\v',
            'a' => '\a',
            'e' => 0x1B,
            'b' when inClass => '\b',
            'x' when text.Take('{') => ReadBraced(),
            'x' => text.TakeHex(2),
            'u' => text.TakeHex(4),
            '0' => 0,
            _ when char.IsAsciiLetterOrDigit((char)Math.Min(escaped, 0xFFFF)) => throw text.Refused($"\\{(char)escaped}"),
            _ => escaped,
        };
        codePoint = single;
        return Single(single);
    }

    private int ReadBraced()
    {
        int value = text.TakeHex(8);
        return text.Take('}') ? value : throw text.Wrong("\\x{ is not closed");
    }

    private Func<int, bool> ReadProperty(bool negative)
    {
        string name;
        if (text.Take('{'))
        {
            int close = text.IndexOf('}');
            if (close < 0) throw text.Wrong("\\p{ is not closed");
            name = text.Upto(close);
            text.Skip(close + 1);
        }
        else
        {
            throw text.Wrong("\\p is followed by no name in braces");
        }

        if (name.StartsWith('^')) (negative, name) = (!negative, name[1..]);
        Func<int, bool> contains = Property(name) ?? throw text.Refused($"the property '{name}'");
        return negative ? c => !contains(c) : contains;
    }

    // General categories by their short names: L and Lu; and scripts that real tokenizers name.
    private static Func<int, bool>? Property(string name)
    {
        if (name == "Any") return _ => true;
        if (UnicodeScripts.Find(name) is { } script) return script;
        bool[] wanted = [.. Enum.GetValues<UnicodeCategory>().Select(category => UnicodeText.Name(category) is var own
            && (own == name || (name.Length == 1 && own[0] == name[0])))];
        return wanted.Contains(true) ? c => wanted[(int)UnicodeText.Category(c)] : null;
    }

    private Func<int, bool> ReadPosix(int close)
    {
        string name = text.Upto(close)[2..^1];
        text.Skip(close + 1);
        bool negative = name.StartsWith('^');
        Func<int, bool> contains = name.TrimStart('^') switch
        {
            "space" => UnicodeText.IsSpace,
            "digit" => IsDigit,
            "word" => UnicodeText.IsWord,
            "xdigit" => IsHex,
            "ascii" => c => c < 128,
            "cntrl" => c => UnicodeText.Category(c) == UnicodeCategory.Control,
            _ => throw text.Refused($"[:{name}:]"),
        };
        return negative ? c => !contains(c) : contains;
    }

    private static bool IsDigit(int c) => UnicodeText.Category(c) == UnicodeCategory.DecimalDigitNumber;

    private static bool IsHex(int c) => c < 128 && char.IsAsciiHexDigit((char)c);

    private static Func<int, bool> Single(int codePoint) => c => c == codePoint;

    private static Func<int, bool> Any(List<Func<int, bool>> members) => members.Count == 1
        ? members[0]
        : c =>
        {
            foreach (Func<int, bool> member in members)
            {
                if (member(c)) return true;
            }

            return false;
        };

    private static Func<int, bool> And(Func<int, bool>? a, Func<int, bool> b) => a is null ? b : c => a(c) && b(c);
}
