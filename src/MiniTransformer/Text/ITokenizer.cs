using MiniTransformer.Text.Jinja;

namespace MiniTransformer.Text;

/// <summary>
/// A token of a text and the characters it stands for, from Start up to End; one that is part of a character covers all of it.
/// </summary>
public readonly record struct TextToken(int Id, int Start, int End);

/// <summary>
/// Text to token ids and back. Encoding never produces special tokens: what a user types, "&lt;end&gt;" included, stays text,
/// and begin, end, padding and role markers are added by code that means them, or written by a template and read as markup.
/// </summary>
public interface ITokenizer
{
    /// <summary>Number of ids: every id lies in [0, VocabSize).</summary>
    int VocabSize { get; }

    /// <summary>The tokens that begin a sequence, end a response and pad a batch.</summary>
    Tokens Tokens { get; }

    /// <summary>The same tokenizer for a model whose configuration names other begin, end or padding tokens.</summary>
    ITokenizer With(Tokens tokens);

    /// <summary>The tokens of a text, without begin and end.</summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no UTF-8 text can hold.</exception>
    int[] Encode(string text);

    /// <summary>
    /// The tokens of a text that goes on from another: without the space that some tokenizers put before a text's first word.
    /// </summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no UTF-8 text can hold.</exception>
    int[] EncodeContinuation(string text) => Encode(text);

    /// <summary>
    /// The tokens of a text, each with the characters that it stands for. With <paramref name="markup"/> the written form of a special
    /// token (<c>&lt;end&gt;</c>) is that token: for what a chat template rendered, never for data.
    /// </summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no UTF-8 text can hold.</exception>
    TextToken[] Tokenize(string text, bool markup);

    /// <summary>
    /// The tokens of a rendered conversation: special tokens where the template wrote them, and nowhere else; what a message says stays
    /// text.
    /// </summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no UTF-8 text can hold.</exception>
    TextToken[] Tokenize(MarkedText text) => MarkedTokens.Of(text, this);

    /// <summary>How conversations are written for this tokenizer, or null where nothing says it.</summary>
    ChatFormat? Chat => RoleId("assistant") is null ? null : new MarkerChat(this);

    /// <summary>
    /// A whole text as Hugging Face's <c>encode</c> reads it: its markup, and around it the tokens that the tokenizer adds (begin).
    /// </summary>
    /// <exception cref="ArgumentException">The text holds half of a surrogate pair, which no UTF-8 text can hold.</exception>
    int[] EncodeWhole(string text);

    /// <summary>A prompt: the begin token, where there is one, and the text.</summary>
    int[] EncodePrompt(string text) => Tokens.Begin is { } begin ? [begin, .. Encode(text)] : Encode(text);

    /// <summary>A response: the text, which goes on from its prompt, and the first end token, where there is one.</summary>
    int[] EncodeResponse(string text) => Tokens.Ends.First is { } end ? [.. EncodeContinuation(text), end] : EncodeContinuation(text);

    /// <summary>The text of tokens; special tokens are skipped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id lies outside the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids);

    /// <summary>
    /// The text of tokens that go on from others, a response's after its prompt: the space before its first word is kept.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">An id lies outside the vocabulary.</exception>
    string DecodeContinuation(ReadOnlySpan<int> ids) => Decode(ids);

    /// <summary>One token as it is shown to people: its characters, or <c>&lt;end&gt;</c> and the like for special ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id lies outside the vocabulary.</exception>
    string TokenText(int id);

    /// <summary>True for tokens that stand for no text.</summary>
    bool IsSpecial(int id) => id == Tokens.Begin || Tokens.Ends.Contains(id) || id == Tokens.Pad;

    /// <summary>The marker that opens a chat message of this role ("system", "user", "assistant"), or null where there is none.</summary>
    int? RoleId(string role) => null;
}
