namespace MiniTransformer.Text.Bpe;

/// <summary>
/// A text on its way to tokens, of which every character knows where it came from: character i stands for the original's characters from
/// Origin(i) up to Origin(i + 1). Normalizers and pre-tokenizers change texts; tokens still name the characters that they stand for.
/// </summary>
internal sealed class AlignedText
{
    private readonly int shift;
    private readonly int[]? origins;

    private AlignedText(string text, int shift, int[]? origins, bool continues)
    {
        (Text, this.shift, this.origins, Continues) = (text, shift, origins, continues);
    }

    /// <summary>The text as it is now.</summary>
    public string Text { get; }

    /// <summary>Whether it goes on from another text, so that nothing is put before its first word.</summary>
    public bool Continues { get; }

    /// <summary>An original text.</summary>
    public static AlignedText Of(string text, bool continues) => new(text, 0, null, continues);

    /// <summary>Where a character (or, at the text's length, the end) lies in the original.</summary>
    public int Origin(int index) => origins is null ? index + shift : origins[index];

    /// <summary>A part as a text of its own.</summary>
    public AlignedText Part(int start, int length)
    {
        if (start == 0 && length == Text.Length) return this;
        return new AlignedText(Text.Substring(start, length), shift + start, origins?.AsSpan(start, length + 1).ToArray(), Continues
            && start == 0);
    }

    /// <summary>A changed text, written from the start to the end.</summary>
    public sealed class Rewriting(AlignedText source)
    {
        private readonly System.Text.StringBuilder text = new(source.Text.Length + 8);
        private readonly List<int> origins = new(source.Text.Length + 8);

        /// <summary>Writes characters that stand for what begins at a character of the source.</summary>
        public void Write(ReadOnlySpan<char> written, int at)
        {
            text.Append(written);
            for (int i = 0; i < written.Length; i++) origins.Add(source.Origin(at));
        }

        /// <summary>Copies characters of the source.</summary>
        public void Copy(int start, int end)
        {
            text.Append(source.Text, start, end - start);
            for (int i = start; i < end; i++) origins.Add(source.Origin(i));
        }

        /// <summary>The text that was written.</summary>
        public AlignedText Done()
        {
            origins.Add(source.Origin(source.Text.Length));

            // Marks that changed places: what stands for the later one begins where the earlier one does.
            for (int i = origins.Count - 2; i >= 0; i--) origins[i] = Math.Min(origins[i], origins[i + 1]);
            return new AlignedText(text.ToString(), 0, [.. origins], source.Continues);
        }
    }
}

/// <summary>A part of a text: still to be tokenized, or an added token (<see cref="Id"/> not negative).</summary>
internal readonly record struct Piece(AlignedText Source, int Start, int Length, int Id = -1)
{
    /// <summary>The whole of a text.</summary>
    public static Piece Whole(AlignedText source) => new(source, 0, source.Text.Length);

    /// <summary>Its characters.</summary>
    public ReadOnlySpan<char> Span => Source.Text.AsSpan(Start, Length);

    /// <summary>It as a text of its own.</summary>
    public AlignedText Text => Source.Part(Start, Length);

    /// <summary>A part of it.</summary>
    public Piece Part(int start, int length) => new(Source, Start + start, length);
}
