using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Text;

/// <summary>Tokens of a rendered conversation whose data may hold what is written like a special token.</summary>
internal static class MarkedTokens
{
    /// <summary>
    /// The tokens of the text as it is, if no special token stands in a message; otherwise the text is cut at the special tokens of the
    /// template, and each stretch between them that holds one of a message's is read as data.
    /// </summary>
    public static TextToken[] Of(MarkedText text, ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(text);
        TextToken[] tokens = tokenizer.Tokenize(text.Value, markup: true);
        if (!Array.Exists(tokens, IsForged)) return tokens;
        List<TextToken> whole = [];
        int done = 0, first = 0;
        for (int i = 0; i <= tokens.Length; i++)
        {
            if (i < tokens.Length && (!tokenizer.IsSpecial(tokens[i].Id) || IsForged(tokens[i]))) continue;
            int end = i < tokens.Length ? tokens[i].Start : text.Length;
            if (Array.Exists(tokens[first..i], IsForged)) whole.AddRange(Data(done, end));
            else whole.AddRange(tokens[first..i]);
            if (i == tokens.Length) break;
            whole.Add(tokens[i]);
            (done, first) = (tokens[i].End, i + 1);
        }

        return [.. whole];

        // White space that a special token takes up may be anybody's.
        bool IsForged(TextToken token) => tokenizer.IsSpecial(token.Id) &&
            Enumerable.Range(token.Start, token.End - token.Start).Any(c => !text.IsTemplate(c) && !char.IsWhiteSpace(text.Value[c]));

        IEnumerable<TextToken> Data(int start, int end) => tokenizer.Tokenize(text.Value[start..end], markup: false)
            .Select(token => new TextToken(token.Id, token.Start + start, token.End + start));
    }
}
