using System.Globalization;
using System.Text;

namespace MiniTransformer.Judges;

/// <summary>
/// Text with LaTeX in it as plain text, for <see cref="NumberText"/>: \$, \% and {,} are the signs themselves, \text{…} and its like are
/// their content, \, is a thin space, \frac{a}{b} is one sign that stands for its value, and what changes a value in a way that is not
/// computed (\sqrt, \pi, ±) is <see cref="Opaque"/>.
/// </summary>
internal sealed class Latex
{
    /// <summary>Stands for a fraction, whose value is the next of <see cref="Fractions"/>.</summary>
    public const char Fraction = '\uE000';

    /// <summary>Stands for what is part of a number's value and is not computed.</summary>
    public const char Opaque = '\uE001';

    private const int Deepest = 8;

    private static readonly string[] Fracs = ["frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac"];

    private static readonly string[] Wrappers =
        ["text", "textbf", "textit", "textrm", "textnormal", "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mbox", "hbox",
            "operatorname", "emph", "underline", "boldsymbol", "bm"];

    private static readonly string[] Opaques =
    [
        "pi", "infty", "log", "ln", "lg", "exp", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "pm", "mp",
        "over", "choose", "bmod", "pmod", "mod",
        "theta", "alpha", "beta", "phi", "varphi", "lambda", "mu", "sigma", "omega", "sum", "prod", "int", "cup", "cap",
    ];

    // Whose arguments are part of what is not computed.
    private static readonly string[] OpaqueWithArguments = ["sqrt", "overline", "bar", "binom", "dbinom", "tbinom", "lfloor", "lceil"];

    private readonly StringBuilder plain = new();
    private readonly int depth;

    private Latex(int depth) => this.depth = depth;

    /// <summary>The text without LaTeX; digits of all scripts are 0 to 9.</summary>
    public string Plain => plain.ToString();

    /// <summary>The values of its fractions, in their order; null where one is not computed.</summary>
    public List<Number?> Fractions { get; } = [];

    /// <summary>Reads a text.</summary>
    public static Latex Of(string text, int depth = 0)
    {
        var latex = new Latex(depth);
        latex.Read(text);
        return latex;
    }

    /// <summary>The content of the last \boxed{…}, or null where there is none; an unclosed one holds the rest.</summary>
    public static string? Boxed(string text)
    {
        int at = Math.Max(text.LastIndexOf("\\boxed", StringComparison.Ordinal), text.LastIndexOf("\\fbox", StringComparison.Ordinal));
        if (at < 0) return null;
        int i = at + (text[at + 1] == 'b' ? "\\boxed".Length : "\\fbox".Length);
        while (i < text.Length && text[i] == ' ') i++;
        return i < text.Length && text[i] != '{' ? Rest(text, ref i) : Argument(text, ref i);
    }

    private void Read(string text)
    {
        for (int i = 0; i < text.Length;)
        {
            char c = text[i];
            if (c == '\\') Command(text, ref i);
            else if (c == '{' && text.AsSpan(i).StartsWith("{,}")) (_, i) = (plain.Append(','), i + 3);
            else if (c == '^' && Degree(text, i) is > 0 and int length) (_, i) = (plain.Append('°'), i + length);
            else if (Superscripts.IndexOf(c, StringComparison.Ordinal) >= 0) Superscript(text, ref i);
            else (_, i) = (plain.Append(Sign(c)), i + 1);
        }
    }

    private const string Superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";

    private void Superscript(string text, ref int i)
    {
        plain.Append("^{");
        for (int at; i < text.Length && (at = Superscripts.IndexOf(text[i], StringComparison.Ordinal)) >= 0; i++)
        {
            plain.Append(at == 10 ? '-' : (char)('0' + at));
        }
        plain.Append('}');
    }

    private static char Sign(char c) => c switch
    {
        '~' => '\u00A0',
        Fraction or Opaque => ' ',
        '√' or 'π' or '±' or '∓' or '∞' => Opaque,
        '−' or '–' or '‐' or '‑' or '－' or '﹣' => '-',
        '＋' => '+',
        '’' => '\'',
        '％' or '﹪' => '%',
        '，' => ',',
        '．' => '.',
        '⁄' or '∕' or '／' => '/',
        '✕' or '✖' => '×',
        '⋅' or '∙' => '·',
        _ when c > 127 && CharUnicodeInfo.GetDecimalDigitValue(c) is >= 0 and int digit => (char)('0' + digit),
        _ => c,
    };

    // ^\circ, ^{\circ}: how long it is, or 0.
    private static int Degree(string text, int at)
    {
        foreach (string form in new[] { "^\\circ", "^{\\circ}", "^ \\circ" })
        {
            if (text.AsSpan(at).StartsWith(form)) return form.Length;
        }

        return 0;
    }

    private void Command(string text, ref int i)
    {
        int end = i + 1;
        while (end < text.Length && char.IsAsciiLetter(text[end])) end++;
        if (end == i + 1)
        {
            char next = end < text.Length ? text[end] : ' ';
            i = Math.Min(text.Length, end + 1);
            if (next != '!') plain.Append(next switch { ',' or ':' or ';' or '>' => '\u2009', '\\' => '\n', '{' or '}' => ' ', _ => next });
            return;
        }

        string name = text[(i + 1)..end];
        i = end;
        if (Fracs.Contains(name))
        {
            (string? above, string? below) = (Argument(text, ref i), Argument(text, ref i));
            plain.Append(Fraction);
            Fractions.Add(depth < Deepest && NumberText.Whole(above, depth + 1) is { } a && NumberText.Whole(below, depth + 1) is { } b
                ? a.Over(b)
                : null);
        }
        else if (Wrappers.Contains(name))
        {
            string inside = Argument(text, ref i);
            Latex read = depth < Deepest ? Of(inside, depth + 1) : new Latex(depth);
            plain.Append(read.Plain);
            Fractions.AddRange(read.Fractions);
        }
        else if (OpaqueWithArguments.Contains(name))
        {
            if (i < text.Length && text[i] == '[') i = text.IndexOf(']', i) is >= 0 and int close ? close + 1 : text.Length;
            Argument(text, ref i);
            if (name.EndsWith("binom", StringComparison.Ordinal)) Argument(text, ref i);
            plain.Append(Opaque);
        }
        else if (Opaques.Contains(name))
        {
            plain.Append(Opaque);
        }
        else
        {
            plain.Append(name switch
            {
                "times" => "×",
                "cdot" => "·",
                "div" => "÷",
                "degree" => "°",
                "percent" =>
                "%",
                "left" or "right" or "displaystyle" or "big" or "Big" => "",
                _ => " "
            });
        }
    }

    // What follows a command: {…} with its braces balanced, or one sign.
    private static string Argument(string text, ref int i)
    {
        while (i < text.Length && text[i] == ' ') i++;
        if (i >= text.Length) return "";
        if (text[i] != '{')
        {
            if (text[i] == '\\') return Rest(text, ref i);
            return text[i++].ToString();
        }

        int begin = i + 1, open = 0;
        for (; i < text.Length; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == '{') open++;
            else if (text[i] == '}' && --open == 0) return text[begin..i++];
        }

        return text[begin..];
    }

    // An argument without braces, \boxed\frac{1}{2}: it goes to the end of the line.
    private static string Rest(string text, ref int i)
    {
        int begin = i, end = text.IndexOfAny(['\n', '$'], i);
        i = end < 0 ? text.Length : end;
        return text[begin..i];
    }
}
