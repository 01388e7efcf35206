using System.Globalization;
using System.Text;

namespace MiniTransformer.Text.Bpe;

/// <summary>Turns the texts of tokens back into the text that they came from.</summary>
internal abstract class Decoder
{
    /// <summary>
    /// The texts of tokens, rewritten; <paramref name="continues"/>: they go on from others, and nothing is taken off their beginning.
    /// </summary>
    public abstract List<string> Decode(List<string> tokens, bool continues);

    /// <summary>One after the other.</summary>
    public sealed class Sequence(Decoder[] steps) : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) =>
            steps.Aggregate(tokens, (now, step) => step.Decode(now, continues));
    }

    /// <summary>Characters of <see cref="ByteAlphabet"/> are the bytes of the text.</summary>
    public sealed class ByteLevel : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) =>
            [Encoding.UTF8.GetString([.. tokens.SelectMany(ByteAlphabet.Read)])];
    }

    /// <summary>Tokens such as &lt;0x0A&gt; are bytes; those that are no UTF-8 become one U+FFFD each.</summary>
    public sealed class ByteFallback : Decoder
    {
        private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

        /// <summary>The byte that a token stands for, or null.</summary>
        public static byte? Byte(string token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value
            : null;

        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues)
        {
            List<string> texts = new(tokens.Count);
            List<byte> bytes = [];
            foreach (string token in tokens)
            {
                if (Byte(token) is { } value)
                {
                    bytes.Add(value);
                    continue;
                }

                Flush();
                texts.Add(token);
            }

            Flush();
            return texts;

            void Flush()
            {
                if (bytes.Count == 0) return;
                try
                {
                    texts.Add(Strict.GetString([.. bytes]));
                }
                catch (DecoderFallbackException)
                {
                    texts.Add(new string('\uFFFD', bytes.Count));
                }

                bytes.Clear();
            }
        }
    }

    /// <summary>All as one text.</summary>
    public sealed class Fuse : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) => [string.Concat(tokens)];
    }

    /// <summary>What a delimiter matches becomes something else.</summary>
    public sealed class Replace(IDelimiter delimiter, string content) : Decoder
    {
        private readonly Normalizer.Replace replace = new(delimiter, content);

        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) =>
            tokens.ConvertAll(token => replace.Normalize(AlignedText.Of(token, continues: false)).Text);
    }

    /// <summary>A number of one character is taken off the beginning and the end of each text.</summary>
    public sealed class Strip(char content, int start, int stop) : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) =>
            [.. tokens.Select((token, i) => Stripped(token, continues && i == 0))];

        private string Stripped(string token, bool keepsStart)
        {
            int from = 0, to = token.Length;
            while (!keepsStart && from < start && from < token.Length && token[from] == content) from++;
            while (token.Length - to < stop && to > 0 && token[to - 1] == content) to--;
            return from >= to ? "" : token[from..to];
        }
    }

    /// <summary>The visible character (▁) is a space, and nothing at the beginning of the first word.</summary>
    public sealed class Metaspace(char replacement, bool prepended) : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) => [.. tokens.Select((token, i) =>
            prepended && i == 0 && !continues ? token.Replace(replacement.ToString(), "") : token.Replace(replacement, ' '))];
    }

    /// <summary>The mark at the end of a word is a space, and nothing at the end of the last one.</summary>
    public sealed class WordEnd(string suffix) : Decoder
    {
        /// <inheritdoc/>
        public override List<string> Decode(List<string> tokens, bool continues) =>
            [.. tokens.Select((token, i) => suffix.Length == 0 ? token : token.Replace(suffix, i == tokens.Count - 1 ? "" : " "))];
    }
}
