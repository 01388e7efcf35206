using System.Globalization;

namespace MiniTransformer.Text.Bpe;

/// <summary>A pattern's characters, read from the left, and the errors that name the pattern and the place.</summary>
internal sealed class PatternText(string pattern)
{
    private int position;

    /// <summary>Whether everything has been read.</summary>
    public bool AtEnd => position >= pattern.Length;

    /// <summary>The character that comes next.</summary>
    public char Next => pattern[position];

    /// <summary>Whether these characters come next.</summary>
    public bool Follows(string expected) => string.CompareOrdinal(pattern, position, expected, 0, expected.Length) == 0;

    /// <summary>Reads a character if it comes next.</summary>
    public bool Take(char expected)
    {
        if (AtEnd || pattern[position] != expected) return false;
        position++;
        return true;
    }

    /// <summary>Reads characters if they come next.</summary>
    public bool Take(string expected)
    {
        if (!Follows(expected)) return false;
        position += expected.Length;
        return true;
    }

    /// <summary>How far away a character is, −1 if there is none.</summary>
    public int IndexOf(char c) => pattern.IndexOf(c, position) is var found and >= 0 ? found - position : -1;

    /// <summary>The next characters, which stay to be read.</summary>
    public string Upto(int length) => pattern.Substring(position, length);

    /// <summary>Passes over characters.</summary>
    public void Skip(int length) => position += length;

    /// <summary>Reads one code point.</summary>
    public int TakeCodePoint()
    {
        if (AtEnd) throw Wrong("it ends in the middle of a character");
        int codePoint = UnicodeText.At(pattern, position, out int width);
        position += width;
        return codePoint;
    }

    /// <summary>Reads up to some hexadecimal digits.</summary>
    public int TakeHex(int most)
    {
        int length = 0;
        while (length < most && position + length < pattern.Length && char.IsAsciiHexDigit(pattern[position + length])) length++;
        if (length == 0) throw Wrong("hexadecimal digits are missing");
        int value = int.Parse(pattern.AsSpan(position, length), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        position += length;
        return value is >= 0 and <= 0x10FFFF ? value : throw Wrong($"U+{value:X} is no code point");
    }

    /// <summary>It is no pattern.</summary>
    public InvalidDataException Wrong(string why) => new($"the regular expression {Shown} is wrong at character {position + 1}: {why}.");

    /// <summary>It uses what is not implemented.</summary>
    public NotSupportedException Refused(string what) =>
        new($"the regular expression {Shown} uses {what} at character {position + 1}, which is not implemented.");

    private string Shown => pattern.Length <= 200 ? $"'{pattern}'" : $"'{pattern[..200]}…'";
}
