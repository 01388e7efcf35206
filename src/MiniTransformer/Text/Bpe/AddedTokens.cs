namespace MiniTransformer.Text.Bpe;

/// <summary>A token that stands in a text by its own name and is never cut or merged.</summary>
/// <param name="Content">How it is written.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">It stands for no text: data never makes it, and decoding leaves it out.</param>
/// <param name="StripsLeft">White space before it belongs to it.</param>
/// <param name="StripsRight">White space after it belongs to it.</param>
/// <param name="Normalized">It is looked for after the text was normalized, in its normalized form.</param>
/// <param name="SingleWord">It counts only where no letter or digit touches it.</param>
internal sealed record AddedToken(string Content, int Id, bool Special, bool StripsLeft, bool StripsRight, bool Normalized,
    bool SingleWord);

/// <summary>Finds added tokens in texts, leftmost and of those the longest first, by a tree of their characters.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<(int Node, char Next), int> children = [];
    private readonly List<AddedToken?> ends = [null];

    /// <summary>The tokens to find; a later one that is written the same is not found.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="written">How each is written in the texts that are searched.</param>
    public AddedTokens(IEnumerable<AddedToken> tokens, Func<AddedToken, string> written)
    {
        foreach (AddedToken token in tokens)
        {
            int node = 0;
            foreach (char c in written(token))
            {
                if (!children.TryGetValue((node, c), out int child))
                {
                    children[(node, c)] = child = ends.Count;
                    ends.Add(null);
                }

                node = child;
            }

            if (node != 0) ends[node] ??= token;
        }
    }

    /// <summary>
    /// Cuts a text at the added tokens in it; at those alone that count where they stand, from one character of the original text up to
    /// another.
    /// </summary>
    public void Split(AlignedText source, List<Piece> pieces, Func<AddedToken, int, int, bool>? counts = null)
    {
        string text = source.Text;
        int done = 0;
        for (int i = 0; ends.Count > 1 && i < text.Length;)
        {
            (AddedToken? token, int end) = Longest(text, i);
            if (token is null)
            {
                i++;
                continue;
            }

            int start = i;
            if (counts is not null && !counts(token, source.Origin(start), source.Origin(end)))
            {
                i++;
                continue;
            }

            i = end;
            if (token.SingleWord && (TouchesWord(text, start, before: true) || TouchesWord(text, end, before: false))) continue;
            if (token.StripsLeft)
            {
                // White space that is a token of its own may have gone to the token before it: then nothing is left of it.
                while (start > done && UnicodeText.IsSpace(text[start - 1])) start--;
                start = Math.Max(start, done);
            }

            if (token.StripsRight)
            {
                while (end < text.Length && UnicodeText.IsSpace(text[end])) end++;
            }

            if (start > done) pieces.Add(new Piece(source, done, start - done));
            if (end > start) pieces.Add(new Piece(source, start, end - start, token.Id));
            done = end;
        }

        if (done < text.Length) pieces.Add(new Piece(source, done, text.Length - done));
    }

    private (AddedToken? Token, int End) Longest(string text, int start)
    {
        (AddedToken? longest, int end) = (null, start);
        int node = 0;
        for (int i = start; i < text.Length && children.TryGetValue((node, text[i]), out node); i++)
        {
            if (ends[node] is { } token) (longest, end) = (token, i + 1);
        }

        return (longest, end);
    }

    // A joiner (U+200C, U+200D) is part of a word here.
    private static bool TouchesWord(string text, int index, bool before)
    {
        if (before ? index == 0 : index == text.Length) return false;
        int codePoint = before ? UnicodeText.Before(text, index, out _) : UnicodeText.At(text, index, out _);
        return UnicodeText.IsWord(codePoint) || codePoint is 0x200C or 0x200D;
    }
}
