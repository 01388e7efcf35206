namespace MiniTransformer.Text.Bpe;

/// <summary>What cuts a text: it finds places, from left to right, that do not overlap.</summary>
internal interface IDelimiter
{
    /// <summary>Adds the matches in a text.</summary>
    void Find(ReadOnlySpan<char> text, List<Range> matches);
}

/// <summary>A string as it is.</summary>
internal sealed class LiteralDelimiter(string literal) : IDelimiter
{
    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<Range> matches)
    {
        if (literal.Length == 0) return;
        for (int start = 0; text[start..].IndexOf(literal, StringComparison.Ordinal) is var found and >= 0; start += found + literal.Length)
            matches.Add((start + found)..(start + found + literal.Length));
    }
}

/// <summary>Every code point of a kind, one by one.</summary>
internal sealed class CharacterDelimiter(CharacterSet set) : IDelimiter
{
    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<Range> matches)
    {
        for (int i = 0; i < text.Length;)
        {
            int width = set.Width(text, i);
            if (width > 0) matches.Add(i..(i + width));
            else UnicodeText.At(text, i, out width);
            i += width;
        }
    }
}

/// <summary>What becomes of the matches where a text is cut.</summary>
internal enum SplitBehavior
{
    /// <summary>A match is a piece.</summary>
    Isolated,

    /// <summary>Matches are left out.</summary>
    Removed,

    /// <summary>A match belongs to the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>A match belongs to the piece after it.</summary>
    MergedWithNext,

    /// <summary>Matches that follow each other are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts a text at the matches of a delimiter, or (inverted) between them.</summary>
internal sealed class Splitting(IDelimiter delimiter, SplitBehavior behavior, bool invert)
{
    /// <summary>Adds the parts of a piece that are not empty.</summary>
    public void Split(Piece piece, List<Piece> pieces)
    {
        if (piece.Length == 0) return;
        List<Range> matches = new(piece.Length / 4 + 1);
        delimiter.Find(piece.Span, matches);
        bool merges = behavior is not (SplitBehavior.Isolated or SplitBehavior.Removed);
        List<(int Start, int End, bool Matched)> parts = new(merges ? matches.Count * 2 + 1 : 0);
        int before = 0;
        foreach (Range match in matches)
        {
            (int start, int end) = (match.Start.Value, match.End.Value);
            if (before != start) Add(before, start, invert);
            Add(start, end, !invert);
            before = end;
        }

        if (before != piece.Length) Add(before, piece.Length, invert);
        if (merges) Merge(piece, parts, pieces);

        void Add(int start, int end, bool matched)
        {
            if (merges) parts.Add((start, end, matched));
            else if (end > start && !(matched && behavior == SplitBehavior.Removed)) pieces.Add(piece.Part(start, end - start));
        }
    }

    // Matches join the part before them, the part after them (that is, backwards, the part before), or each other.
    private void Merge(Piece piece, List<(int Start, int End, bool Matched)> parts, List<Piece> pieces)
    {
        if (behavior == SplitBehavior.MergedWithNext) parts.Reverse();
        List<(int Start, int End)> merged = new(parts.Count);
        bool previous = false;
        foreach ((int start, int end, bool matched) in parts)
        {
            bool joins = merged.Count > 0 && (behavior == SplitBehavior.Contiguous ? matched == previous : matched && !previous);
            previous = matched;
            if (joins) merged[^1] = (Math.Min(merged[^1].Start, start), Math.Max(merged[^1].End, end));
            else merged.Add((start, end));
        }

        if (behavior == SplitBehavior.MergedWithNext) merged.Reverse();
        foreach ((int start, int end) in merged)
        {
            if (end > start) pieces.Add(piece.Part(start, end - start));
        }
    }
}
