using System.Text;

namespace MiniTransformer.Text.Bpe;

/// <summary>Rewrites a text before it is cut.</summary>
internal abstract class Normalizer
{
    /// <summary>The text as tokens see it.</summary>
    public abstract AlignedText Normalize(AlignedText text);

    /// <summary>One after the other.</summary>
    public sealed class Sequence(Normalizer[] steps) : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text) => steps.Aggregate(text, (now, step) => step.Normalize(now));
    }

    /// <summary>A Unicode normalization form.</summary>
    public sealed class Form(UnicodeForm form) : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text) => UnicodeNormalization.Normalize(text, form);
    }

    /// <summary>Characters before a text that is not empty and goes on from no other.</summary>
    public sealed class Prepend(string prefix) : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text)
        {
            if (text.Text.Length == 0 || text.Continues) return text;
            var rewriting = new AlignedText.Rewriting(text);
            rewriting.Write(prefix, 0);
            rewriting.Copy(0, text.Text.Length);
            return rewriting.Done();
        }
    }

    /// <summary>What a delimiter matches becomes something else.</summary>
    public sealed class Replace(IDelimiter delimiter, string content) : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text)
        {
            List<Range> matches = [];
            delimiter.Find(text.Text, matches);
            if (matches.Count == 0) return text;
            var rewriting = new AlignedText.Rewriting(text);
            int before = 0;
            foreach (Range match in matches)
            {
                rewriting.Copy(before, match.Start.Value);
                rewriting.Write(content, match.Start.Value);
                before = match.End.Value;
            }

            rewriting.Copy(before, text.Text.Length);
            return rewriting.Done();
        }
    }

    /// <summary>White space is taken off the ends.</summary>
    public sealed class Strip(bool left, bool right) : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text)
        {
            int start = 0, end = text.Text.Length;
            while (left && start < end && UnicodeText.IsSpace(text.Text[start])) start++;
            while (right && end > start && UnicodeText.IsSpace(text.Text[end - 1])) end--;
            return text.Part(start, end - start);
        }
    }

    /// <summary>Small letters.</summary>
    public sealed class Lowercase : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text)
        {
            var rewriting = new AlignedText.Rewriting(text);
            for (int i = 0; i < text.Text.Length;)
            {
                int codePoint = UnicodeText.At(text.Text, i, out int width);

                // İ is the one letter whose small form is two characters.
                rewriting.Write(codePoint == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(new Rune(codePoint)).ToString(), i);
                i += width;
            }

            return rewriting.Done();
        }
    }

    /// <summary>Every byte as a character of <see cref="ByteAlphabet"/>.</summary>
    public sealed class ByteLevel : Normalizer
    {
        /// <inheritdoc/>
        public override AlignedText Normalize(AlignedText text)
        {
            var rewriting = new AlignedText.Rewriting(text);
            for (int i = 0; i < text.Text.Length;)
            {
                UnicodeText.At(text.Text, i, out int width);
                rewriting.Write(ByteAlphabet.Write(text.Text.AsSpan(i, width)), i);
                i += width;
            }

            return rewriting.Done();
        }
    }
}
