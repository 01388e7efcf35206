using System.Globalization;

namespace MiniTransformer.Text.Bpe;

/// <summary>
/// Reads a regular expression in Oniguruma's syntax, which tokenizer.json uses: alternatives, sequences, repetitions (greedy, lazy,
/// possessive), groups, flags i and m, look-around, anchors; sets by <see cref="PatternSetReader"/>. Groups capture nothing, and back
/// references are refused.
/// </summary>
internal sealed class PatternReader
{
    private const int DeepestGroup = 100, LargestCount = 1000;

    private readonly PatternText text;
    private readonly PatternSetReader sets;
    private int depth;

    private PatternReader(string pattern)
    {
        text = new PatternText(pattern);
        sets = new PatternSetReader(text);
    }

    /// <summary>The tree of a pattern.</summary>
    /// <exception cref="NotSupportedException">It uses what is not implemented.</exception>
    /// <exception cref="InvalidDataException">It is no pattern.</exception>
    public static PatternNode Read(string pattern)
    {
        var reader = new PatternReader(pattern);
        PatternNode node = reader.ReadChoice(new Flags());
        return reader.text.AtEnd ? node : throw reader.text.Wrong("a ')' closes no group");
    }

    // i: the case of letters does not matter; m: the dot takes line feeds too.
    private readonly record struct Flags(bool IgnoreCase, bool DotAll);

    private PatternNode ReadChoice(Flags flags)
    {
        if (++depth > DeepestGroup) throw text.Wrong($"its groups are nested deeper than {DeepestGroup}");
        List<PatternNode> options = [], parts = [];
        while (!text.AtEnd && text.Next != ')')
        {
            if (text.Take('|'))
            {
                options.Add(Join(parts));
                parts = [];
            }
            else if (text.Next == '(' && TryReadFlags(ref flags))
            {
                // (?i) in the middle of a group holds to the group's end, over the alternatives that follow.
                PatternNode rest = ReadChoice(flags);
                depth--;
                parts.Add(rest);
            }
            else
            {
                parts.Add(ReadRepeats(ReadAtom(flags)));
            }
        }

        depth--;
        options.Add(Join(parts));
        return options.Count == 1 ? options[0] : new PatternNode.Choice([.. options]);
    }

    private static PatternNode Join(List<PatternNode> parts) => parts.Count == 1 ? parts[0] : new PatternNode.Sequence([.. parts]);

    private PatternNode ReadRepeats(PatternNode node)
    {
        while (!text.AtEnd)
        {
            int least, most;
            bool counted = false;
            if (text.Take('*')) (least, most) = (0, -1);
            else if (text.Take('+')) (least, most) = (1, -1);
            else if (text.Take('?')) (least, most) = (0, 1);
            else if (text.Next == '{' && TryReadCount(out least, out most)) counted = true;
            else return node;
            if (node is PatternNode.Place or PatternNode.Look) throw text.Refused("a repeated anchor or look-around");
            Greed greed = text.Take('?') ? Greed.Lazy : !counted && text.Take('+') ? Greed.Possessive : Greed.Greedy;
            if (most < 0 && node.Length.Least == 0) throw text.Refused("a repetition without bound of what can be empty");
            node = new PatternNode.Repeat(node, least, most, greed);
        }

        return node;
    }

    // {n} {n,} {n,m} {,m}; anything else is a brace.
    private bool TryReadCount(out int least, out int most)
    {
        (least, most) = (0, -1);
        int close = text.IndexOf('}');
        if (close < 0) return false;
        string[] counts = text.Upto(close)[1..].Split(',');
        bool only = counts.Length == 1;
        if (counts.Length > 2 || counts.All(count => count.Length == 0)) return false;
        if (counts[0].Length > 0 && !int.TryParse(counts[0], NumberStyles.None, CultureInfo.InvariantCulture, out least)) return false;
        if (only) most = least;
        else if (counts[1].Length > 0 && !int.TryParse(counts[1], NumberStyles.None, CultureInfo.InvariantCulture, out most)) return false;
        if (least > LargestCount || most > LargestCount) throw text.Refused($"a count above {LargestCount}");
        if (most >= 0 && most < least) throw text.Wrong($"{{{least},{most}}} counts down");
        text.Skip(close + 1);
        return true;
    }

    private PatternNode ReadAtom(Flags flags)
    {
        if (text.Take('('))
        {
            PatternNode group = ReadGroup(flags);
            return text.Take(')') ? group : throw text.Wrong("a group is not closed");
        }

        if (text.Take('^')) return new PatternNode.Place(Anchor.LineStart);
        if (text.Take('$')) return new PatternNode.Place(Anchor.LineEnd);
        if (text.Take('.')) return new PatternNode.Set(new CharacterSet(flags.DotAll ? _ => true : c => c != '\n'));
        if (text.Next is '*' or '+' or '?') throw text.Wrong($"'{text.Next}' repeats nothing");
        if (text.Next == '\\' && ReadAnchor() is { } anchor) return new PatternNode.Place(anchor);
        return new PatternNode.Set(new CharacterSet(sets.Read(flags.IgnoreCase)));
    }

    private Anchor? ReadAnchor() =>
        text.Take("\\A") ? Anchor.TextStart
        : text.Take("\\z") ? Anchor.TextEnd
        : text.Take("\\Z") ? Anchor.LastLineEnd
        : text.Take("\\b") ? Anchor.WordBoundary
        : text.Take("\\B") ? Anchor.NotWordBoundary
        : null;

    private PatternNode ReadGroup(Flags flags)
    {
        if (!text.Take('?')) return ReadChoice(flags);
        if (text.Take("=")) return new PatternNode.Look(ReadChoice(flags), Behind: false, Negative: false);
        if (text.Take("!")) return new PatternNode.Look(ReadChoice(flags), Behind: false, Negative: true);
        if (text.Take(">")) return new PatternNode.Atomic(ReadChoice(flags));
        if (text.Take("<=")) return Behind(ReadChoice(flags), negative: false);
        if (text.Take("<!")) return Behind(ReadChoice(flags), negative: true);
        if (text.Take("<"))
        {
            int close = text.IndexOf('>');
            if (close < 0) throw text.Wrong("the name of a group is not closed");
            text.Skip(close + 1);
            return ReadChoice(flags);
        }

        flags = ReadFlags(flags);
        return text.Take(':') ? ReadChoice(flags) : throw text.Refused("this kind of group");
    }

    private PatternNode.Look Behind(PatternNode body, bool negative) => body.Length is var (least, most) && least == most
        ? new PatternNode.Look(body, Behind: true, negative)
        : throw text.Refused("a look-behind of several lengths");

    private bool TryReadFlags(ref Flags flags)
    {
        int close = text.IndexOf(')');
        string inside = close < 0 ? "" : text.Upto(close);
        if (!inside.StartsWith("(?", StringComparison.Ordinal) || inside.Length < 3
            || inside.Any(c => !char.IsAsciiLetter(c) && c is not ('-' or '(' or '?')))
            return false;
        text.Skip(2);
        flags = ReadFlags(flags);
        return text.Take(')') ? true : throw text.Refused("this kind of group");
    }

    private Flags ReadFlags(Flags flags)
    {
        for (bool on = true; !text.AtEnd && text.Next is not (':' or ')');)
        {
            if (text.Take('-')) on = false;
            else if (text.Take('i')) flags = flags with { IgnoreCase = on };
            else if (text.Take('m')) flags = flags with { DotAll = on };
            else throw text.Refused($"'(?{text.Next}'");
        }

        return flags;
    }
}
