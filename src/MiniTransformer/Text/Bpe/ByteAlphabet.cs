using System.Text;

namespace MiniTransformer.Text.Bpe;

/// <summary>
/// GPT-2's alphabet: every byte as one printable character. Printable bytes of Latin-1 stand for themselves, the others for U+0100 and on
/// (a space is Ġ, a line feed Ċ), so that a vocabulary of strings can hold any bytes.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(b => Characters[b], b => (byte)b);

    /// <summary>The character of a byte.</summary>
    public static char Of(int value) => Characters[value];

    /// <summary>The bytes of a text's UTF-8, each as its character.</summary>
    public static string Write(ReadOnlySpan<char> text)
    {
        byte[] utf8 = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, utf8);
        return string.Create(utf8.Length, utf8, static (characters, bytes) =>
        {
            for (int i = 0; i < bytes.Length; i++) characters[i] = Characters[bytes[i]];
        });
    }

    /// <summary>The bytes that characters stand for; a token with a character outside the alphabet stands for its own UTF-8.</summary>
    public static byte[] Read(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out bytes[i])) return Encoding.UTF8.GetBytes(token);
        }

        return bytes;
    }

    private static char[] Build()
    {
        char[] characters = new char[256];
        for (int value = 0, others = 0; value < 256; value++)
        {
            bool printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[value] = (char)(printable ? value : 256 + others++);
        }

        return characters;
    }
}
