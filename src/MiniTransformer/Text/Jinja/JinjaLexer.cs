using System.Globalization;
using System.Text;

namespace MiniTransformer.Text.Jinja;

internal enum TokenKind
{
    Text,
    Name,
    String,
    Integer,
    Float,
    Symbol,
    ExpressionBegin,
    ExpressionEnd,
    BlockBegin,
    BlockEnd,
    End,
}

internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    public bool Is(string symbolOrName) => Kind is TokenKind.Symbol or TokenKind.Name && Text == symbolOrName;

    public override string ToString() => Kind switch
    {
        TokenKind.End => "the template's end",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.ExpressionEnd => "'}}'",
        TokenKind.String => $"the string '{Text}'",
        _ => $"'{Text}'",
    };
}

/// <summary>
/// A template's characters as tokens. White space is as Hugging Face sets Jinja (trim_blocks, lstrip_blocks): a line's blanks before {% and
/// {# and the newline after %} and #} are dropped; a minus sign drops all white space on its side, a plus sign keeps it; so is one newline
/// at the very end.
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Symbols =
        ["**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", "|", ",", ":", ".", "=", "<", ">"];

    private readonly string source;
    private readonly List<Token> tokens = [];
    private readonly Stack<char> open = new();
    private int at;
    private int line = 1;

    private JinjaLexer(string source) => this.source = source;

    /// <summary>All tokens; the last is the end.</summary>
    public static List<Token> Read(string template)
    {
        string source = template.ReplaceLineEndings("\n");
        if (source.EndsWith('\n')) source = source[..^1];
        JinjaLexer lexer = new(source);
        lexer.ReadAll();
        return lexer.tokens;
    }

    private void ReadAll()
    {
        bool trimNext = false;  // the tag before ended in a minus sign
        while (at < source.Length)
        {
            int tag = NextTag(at);
            string text = source[at..tag];
            if (trimNext) text = text.TrimStart();
            trimNext = false;
            if (tag == source.Length)
            {
                Add(TokenKind.Text, text);
                break;
            }

            char sign = tag + 2 < source.Length ? source[tag + 2] : ' ';
            char kind = source[tag + 1];
            if (sign == '-') text = text.TrimEnd();
            else if (sign != '+' && kind != '{') text = WithoutIndent(text, tag);
            Add(TokenKind.Text, text);
            MoveTo(tag + (sign is '-' or '+' ? 3 : 2));
            trimNext = kind switch { '#' => Comment(), '%' => Block(), _ => Expression() };
        }

        tokens.Add(new Token(TokenKind.End, "", line));
    }

    private int NextTag(int from)
    {
        for (int brace = from; (brace = source.IndexOf('{', brace)) >= 0 && brace + 1 < source.Length; brace++)
        {
            if (source[brace + 1] is '{' or '%' or '#') return brace;
        }

        return source.Length;
    }

    // Blanks between a line's begin and a tag go; anything else on the line keeps them.
    private string WithoutIndent(string text, int tag)
    {
        int start = text.Length;
        while (start > 0 && text[start - 1] is ' ' or '\t') start--;
        int before = tag - (text.Length - start) - 1;
        return before < 0 || source[before] == '\n' ? text[..start] : text;
    }

    private bool Comment()
    {
        int begin = line;
        int end = source.IndexOf("#}", at, StringComparison.Ordinal);
        if (end < 0) throw new JinjaException(begin, "the comment '{#' has no end '#}'.");
        char sign = end > at ? source[end - 1] : ' ';
        MoveTo(end + 2);
        return EndOfTag(sign);
    }

    private bool Expression()
    {
        Add(TokenKind.ExpressionBegin, "{{", always: true);
        bool trims = Inside("}}", TokenKind.ExpressionEnd) == '-';
        return trims;
    }

    private bool Block()
    {
        int begin = tokens.Count;
        Add(TokenKind.BlockBegin, "{%", always: true);
        char sign = Inside("%}", TokenKind.BlockEnd);
        bool isRaw = tokens.Count == begin + 3 && tokens[begin + 1].Is("raw");
        bool trims = EndOfTag(sign);
        if (!isRaw) return trims;

        // {% raw %} … {% endraw %} is text.
        int first = tokens[begin].Line;
        tokens.RemoveRange(begin, 3);
        int stop = at;
        for (; ; stop++)
        {
            stop = source.IndexOf("{%", stop, StringComparison.Ordinal);
            if (stop < 0) throw new JinjaException(first, "the block 'raw' has no end 'endraw'.");
            int name = stop + 2;
            while (name < source.Length && (char.IsWhiteSpace(source[name]) || source[name] is '-' or '+')) name++;
            if (string.CompareOrdinal(source, name, "endraw", 0, 6) == 0) break;
        }

        string text = source[at..stop];
        if (trims) text = text.TrimStart();
        char before = source[stop + 2];
        text = before == '-' ? text.TrimEnd() : before == '+' ? text : WithoutIndent(text, stop);
        Add(TokenKind.Text, text);
        int close = source.IndexOf("%}", stop, StringComparison.Ordinal);
        if (close < 0) throw new JinjaException(line, "the block 'endraw' is not closed by '%}'.");
        MoveTo(close + 2);
        return EndOfTag(source[close - 1]);
    }

    // After %} and #}: a minus sign trims all white space that follows; else one newline goes, unless a plus sign keeps it.
    private bool EndOfTag(char sign)
    {
        if (sign is not ('-' or '+') && at < source.Length && source[at] == '\n') MoveTo(at + 1);
        return sign == '-';
    }

    // The tokens up to a tag's end; the sign before the end, or a blank.
    private char Inside(string end, TokenKind kind)
    {
        int begin = line;
        open.Clear();
        while (true)
        {
            while (at < source.Length && char.IsWhiteSpace(source[at])) MoveTo(at + 1);
            if (at >= source.Length) throw new JinjaException(begin, $"the tag is not closed by '{end}'.");
            if (open.Count == 0)
            {
                char sign = source[at] is '-' or '+' ? source[at] : ' ';
                int past = sign == ' ' ? at : at + 1;
                if (string.CompareOrdinal(source, past, end, 0, 2) == 0)
                {
                    Add(kind, end, always: true);
                    MoveTo(past + 2);
                    return sign;
                }
            }

            ReadToken();
        }
    }

    private void ReadToken()
    {
        char c = source[at];
        if (c is '"' or '\'') ReadString(c);
        else if (char.IsAsciiDigit(c)) ReadNumber();
        else if (char.IsLetter(c) || c == '_') ReadWhile(TokenKind.Name, x => char.IsLetterOrDigit(x) || x == '_');
        else ReadSymbol();
    }

    private void ReadSymbol()
    {
        foreach (string symbol in Symbols)
        {
            if (string.CompareOrdinal(source, at, symbol, 0, symbol.Length) != 0) continue;
            if (symbol is "(" or "[" or "{") open.Push(symbol switch { "(" => ')', "[" => ']', _ => '}' });
            if (symbol is ")" or "]" or "}" && !(open.TryPop(out char closes) && closes == symbol[0]))
                throw new JinjaException(line, $"'{symbol}' closes nothing.");
            Add(TokenKind.Symbol, symbol);
            MoveTo(at + symbol.Length);
            return;
        }

        throw new JinjaException(line, $"unexpected character '{source[at]}'.");
    }

    private void ReadWhile(TokenKind kind, Func<char, bool> belongs)
    {
        int end = at;
        while (end < source.Length && belongs(source[end])) end++;
        Add(kind, source[at..end]);
        MoveTo(end);
    }

    private void ReadNumber()
    {
        int end = Digits(at);
        bool afterDot = tokens[^1].Is(".");  // x.0.1 is two items, not a float
        bool isFloat = false;
        if (!afterDot && end + 1 < source.Length && source[end] == '.' && char.IsAsciiDigit(source[end + 1]))
        {
            (isFloat, end) = (true, Digits(end + 1));
        }
        int exponent = end < source.Length && source[end] is 'e' or 'E' ? end + 1 : source.Length;
        if (exponent < source.Length && source[exponent] is '+' or '-') exponent++;
        if (!afterDot && exponent < source.Length && char.IsAsciiDigit(source[exponent])) (isFloat, end) = (true, Digits(exponent));
        Add(isFloat ? TokenKind.Float : TokenKind.Integer, source[at..end].Replace("_", "", StringComparison.Ordinal));
        MoveTo(end);
    }

    private int Digits(int from)
    {
        while (from < source.Length && (char.IsAsciiDigit(source[from]) || source[from] == '_')) from++;
        return from;
    }

    private void ReadString(char quote)
    {
        int begin = line, i = at + 1;
        StringBuilder text = new();
        for (; i < source.Length && source[i] != quote; i++)
        {
            if (source[i] == '\\' && i + 1 < source.Length) i = Escape(i + 1, text);
            else text.Append(source[i]);
        }

        if (i >= source.Length) throw new JinjaException(begin, $"the string that begins with {quote} has no end.");
        tokens.Add(new Token(TokenKind.String, text.ToString(), begin));
        MoveTo(i + 1);
    }

    // Python's escapes; one that is none stays as it is, backslash included. Returns the escape's last character.
    private int Escape(int i, StringBuilder text)
    {
        const string names = "ntrabfv\\'\"", values = "\n\t\r\a\b\f\v\\'\"";
        int known = names.IndexOf(source[i], StringComparison.Ordinal);
        int digits = source[i] switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (known >= 0)
        {
            text.Append(values[known]);
        }
        else if (digits > 0)
        {
            if (i + digits >= source.Length
                || !int.TryParse(source.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, null, out int code)
                || code is < 0 or > 0x10FFFF)
                throw new JinjaException(line, $"the escape '\\{source[i]}' needs {digits} hexadecimal digits.");
            text.Append(code > char.MaxValue ? char.ConvertFromUtf32(code) : ((char)code).ToString());
            return i + digits;
        }
        else if (source[i] is >= '0' and <= '7')
        {
            int code = 0, end = i;
            for (; end < Math.Min(i + 3, source.Length) && source[end] is >= '0' and <= '7'; end++) code = code * 8 + source[end] - '0';
            text.Append((char)code);
            return end - 1;
        }
        else if (source[i] != '\n')
        {
            text.Append('\\').Append(source[i]);
        }

        return i;
    }

    private void Add(TokenKind kind, string text, bool always = false)
    {
        if (always || text.Length > 0) tokens.Add(new Token(kind, text, line));
    }

    private void MoveTo(int next)
    {
        line += source.AsSpan(at, next - at).Count('\n');
        at = next;
    }
}
