using System.Text;

namespace MiniTransformer.Text;

/// <summary>
/// Tokens 0 to 255 are the bytes of UTF-8; begin, end, padding and the three chat roles follow. It needs no training, loses nothing
/// and has no unknown token.
/// </summary>
/// <param name="tokens">Begin, end and padding of a model that names others; its own by default.</param>
public sealed class ByteTokenizer(Tokens? tokens = null) : ITokenizer
{
    /// <summary>The id of <c>&lt;begin&gt;</c>.</summary>
    public const int Begin = 256;

    /// <summary>The id of <c>&lt;end&gt;</c>.</summary>
    public const int End = 257;

    /// <summary>The id of <c>&lt;pad&gt;</c>.</summary>
    public const int Pad = 258;

    /// <summary>The id of <c>&lt;system&gt;</c>.</summary>
    public const int SystemRole = 259;

    /// <summary>The id of <c>&lt;user&gt;</c>.</summary>
    public const int UserRole = 260;

    /// <summary>The id of <c>&lt;assistant&gt;</c>.</summary>
    public const int AssistantRole = 261;

    private const int Size = 262;

    private static readonly Tokens Own = new(Begin, End, Pad);

    private static readonly string[] SpecialTexts = ["<begin>", "<end>", "<pad>", "<system>", "<user>", "<assistant>"];
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <inheritdoc/>
    public int VocabSize => Size;

    /// <inheritdoc/>
    public Tokens Tokens { get; } = tokens ?? Own;

    /// <inheritdoc/>
    public ITokenizer With(Tokens tokens) => new ByteTokenizer(tokens);

    /// <inheritdoc/>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return Array.ConvertAll(Strict.GetBytes(text), b => (int)b);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException(
                $"The text holds half of a surrogate pair (U+{(int)e.CharUnknown:X4}) at character {e.Index + 1}; it is not Unicode text "
                    + "and has no bytes.",
                nameof(text), e);
        }
    }

    /// <inheritdoc/>
    public TextToken[] Tokenize(string text, bool markup)
    {
        int[] bytes = Encode(text);
        List<TextToken> tokens = [];
        for (int i = 0, b = 0; i < text.Length;)
        {
            int special = markup && text[i] == '<'
                ? Array.FindIndex(SpecialTexts, s => text.AsSpan(i).StartsWith(s, StringComparison.Ordinal))
                : -1;
            int length = special >= 0 ? SpecialTexts[special].Length : char.IsHighSurrogate(text[i]) ? 2 : 1;
            int size = Encoding.UTF8.GetByteCount(text.AsSpan(i, length));
            if (special >= 0) tokens.Add(new TextToken(Begin + special, i, i + length));
            else tokens.AddRange(bytes.AsSpan(b, size).ToArray().Select(id => new TextToken(id, i, i + length)));
            (i, b) = (i + length, b + size);
        }

        return [.. tokens];
    }

    /// <inheritdoc/>
    public int[] EncodeWhole(string text)
    {
        IEnumerable<int> ids = Tokenize(text, markup: true).Select(token => token.Id);
        return Tokens.Begin is { } begin ? [begin, .. ids] : [.. ids];
    }

    /// <summary>The text of tokens; special tokens are skipped, and bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id lies outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        byte[] bytes = new byte[ids.Length];
        int n = 0;
        foreach (int id in ids)
        {
            CheckId(id);
            if (id < Begin) bytes[n++] = (byte)id;
        }

        return Encoding.UTF8.GetString(bytes, 0, n);
    }

    /// <summary>A printable ASCII character as it is, any other byte as <c>&lt;0x0A&gt;</c>, a special token by its name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id lies outside the vocabulary.</exception>
    public string TokenText(int id)
    {
        CheckId(id);
        return id >= Begin ? SpecialTexts[id - Begin] : id is >= 0x20 and < 0x7F ? ((char)id).ToString() : $"<0x{id:X2}>";
    }

    /// <inheritdoc/>
    public bool IsSpecial(int id) => id >= Begin || Tokens.Ends.Contains(id);

    /// <inheritdoc/>
    public int? RoleId(string role) => role switch { "system" => SystemRole, "user" => UserRole, "assistant" => AssistantRole, _ => null };

    private static void CheckId(int id)
    {
        if ((uint)id >= Size)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"Token id {id} lies outside the byte vocabulary [0, {Size}).");
    }
}
