using System.Globalization;
using System.Text;

namespace MiniTransformer.Cli.Html;

/// <summary>Text made safe to stand in HTML, between tags and in quoted attributes.</summary>
public static class HtmlText
{
    /// <summary>
    /// Escapes &amp;, &lt;, &gt;, " and '; control characters, which no HTML document may contain, are shown by their code, a lone
    /// surrogate by U+FFFD.
    /// </summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (Rune rune in Runes(text))
        {
            switch (rune.Value)
            {
                case '&': escaped.Append("&amp;"); break;
                case '<': escaped.Append("&lt;"); break;
                case '>': escaped.Append("&gt;"); break;
                case '"': escaped.Append("&quot;"); break;
                case '\'': escaped.Append("&#39;"); break;
                case '\n': escaped.Append("&#10;"); break;
                case '\t': escaped.Append("&#9;"); break;
                default: escaped.Append(Rune.IsControl(rune) ? Code(rune) : rune.ToString()); break;
            }
        }

        return escaped.ToString();
    }

    /// <summary>
    /// A token's text with everything that prints nothing made visible: space ␣, line feed ⏎, tab ⇥, other control and format
    /// characters by their code; an empty text is ∅. Not yet escaped for HTML.
    /// </summary>
    public static string Visible(string text)
    {
        if (text.Length == 0) return "∅";
        var visible = new StringBuilder(text.Length + 8);
        bool first = true;
        foreach (Rune rune in Runes(text))
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            visible.Append(rune.Value switch
            {
                ' ' => "␣",
                '\n' => "⏎",
                '\r' => "\\r",
                '\t' => "⇥",
                _ when category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                    or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator or UnicodeCategory.OtherNotAssigned
                    or UnicodeCategory.PrivateUse => Code(rune),
                _ when first && category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark => "◌" + rune,
                _ => rune.ToString(),
            });
            first = false;
        }

        return visible.ToString();
    }

    /// <summary>Text with the characters that turn the order of others around shown by their code. Not yet escaped for HTML.</summary>
    public static string InOrder(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in Runes(text)) shown.Append(IsDirectional(rune.Value) ? Code(rune) : rune.ToString());
        return shown.ToString();
    }

    // Marks, embeddings, overrides and isolates of Unicode Standard Annex 9.
    private static bool IsDirectional(int code) =>
        code is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);

    private static StringRuneEnumerator Runes(string text) => text.EnumerateRunes(); // a lone surrogate comes as U+FFFD

    private static string Code(Rune rune) => $"⟨{rune.Value:X4}⟩";
}
