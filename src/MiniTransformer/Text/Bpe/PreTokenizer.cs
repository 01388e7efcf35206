namespace MiniTransformer.Text.Bpe;

/// <summary>Cuts a text into the words within which tokens are made. An added token stays as it is.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds the words of a piece.</summary>
    public abstract void Split(Piece piece, List<Piece> words);

    /// <summary>All words of some pieces.</summary>
    public List<Piece> Split(List<Piece> pieces)
    {
        List<Piece> words = new(pieces.Count);
        foreach (Piece piece in pieces)
        {
            if (piece.Id >= 0) words.Add(piece);
            else Split(piece, words);
        }

        return words;
    }

    /// <summary>At the matches of a delimiter: Split, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit.</summary>
    public sealed class AtDelimiter(Splitting splitting) : PreTokenizer
    {
        /// <inheritdoc/>
        public override void Split(Piece piece, List<Piece> words) => splitting.Split(piece, words);
    }

    /// <summary>One after the other.</summary>
    public sealed class Sequence(PreTokenizer[] steps) : PreTokenizer
    {
        /// <inheritdoc/>
        public override void Split(Piece piece, List<Piece> words)
        {
            List<Piece> pieces = [piece];
            foreach (PreTokenizer step in steps) pieces = step.Split(pieces);
            words.AddRange(pieces);
        }
    }

    /// <summary>
    /// A space before the first word where one is wanted, GPT-2's words, and every byte as a character of <see cref="ByteAlphabet"/>. Where
    /// nothing follows, the model writes the bytes itself (<paramref name="writesBytes"/> false), so that known words need no writing.
    /// </summary>
    public sealed class ByteLevel(bool addPrefixSpace, bool splits, bool writesBytes) : PreTokenizer
    {
        private static readonly Lazy<Splitting> Words = new(() => new Splitting(
            new Pattern(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), SplitBehavior.Isolated,
            invert: false));

        /// <inheritdoc/>
        public override void Split(Piece piece, List<Piece> words)
        {
            if (addPrefixSpace && piece.Length > 0 && piece.Span[0] != ' ' && !(piece.Source.Continues && piece.Start == 0))
            {
                var rewriting = new AlignedText.Rewriting(piece.Text);
                rewriting.Write(" ", 0);
                rewriting.Copy(0, piece.Length);
                piece = Piece.Whole(rewriting.Done());
            }

            int first = words.Count;
            if (splits) Words.Value.Split(piece, words);
            else if (piece.Length > 0) words.Add(piece);
            for (int i = first; writesBytes && i < words.Count; i++) words[i] = Written(words[i]);
        }

        private static Piece Written(Piece word)
        {
            AlignedText text = word.Text;
            var rewriting = new AlignedText.Rewriting(text);
            for (int i = 0; i < text.Text.Length;)
            {
                UnicodeText.At(text.Text, i, out int width);
                rewriting.Write(ByteAlphabet.Write(text.Text.AsSpan(i, width)), i);
                i += width;
            }

            return Piece.Whole(rewriting.Done());
        }
    }

    /// <summary>Spaces become a visible character (▁), which is put before the first word too; words begin at it.</summary>
    public sealed class Metaspace(char replacement, bool prepends, bool onlyFirst, bool splits) : PreTokenizer
    {
        private readonly Splitting words = new(new LiteralDelimiter(replacement.ToString()), SplitBehavior.MergedWithNext, invert: false);

        /// <inheritdoc/>
        public override void Split(Piece piece, List<Piece> pieces)
        {
            if (piece.Length == 0) return;
            AlignedText text = piece.Text;
            var rewriting = new AlignedText.Rewriting(text);
            bool begins = !text.Continues && (!onlyFirst || text.Origin(0) == 0);
            if (prepends && begins && text.Text[0] is var first && first != replacement && first != ' ') rewriting.Write([replacement], 0);
            for (int i = 0; i < text.Text.Length; i++) rewriting.Write([text.Text[i] == ' ' ? replacement : text.Text[i]], i);
            Piece written = Piece.Whole(rewriting.Done());
            if (splits) words.Split(written, pieces);
            else pieces.Add(written);
        }
    }
}
