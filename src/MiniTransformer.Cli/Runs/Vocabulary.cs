using System.Globalization;
using System.Text;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a model's ids mean: its tokenizer if it has one, else the ids themselves.</summary>
/// <param name="Tokenizer">The tokenizer, or null.</param>
/// <param name="WhyNone">Why there is none.</param>
/// <param name="Tokens">What begins a sequence, ends a response and pads a batch: of the tokenizer and the model's configuration
/// together.</param>
/// <param name="Size">Number of ids.</param>
internal sealed record Vocabulary(ITokenizer? Tokenizer, string? WhyNone, Tokens Tokens, int Size)
{
    /// <summary>The vocabulary of a model's folder.</summary>
    public static Vocabulary Of(string folder, TransformerConfig config)
    {
        ITokenizer? tokenizer = Checkpoint.LoadTokenizer(folder, config, out string? whyNone);
        return new Vocabulary(tokenizer, whyNone, tokenizer?.Tokens ?? config.Tokens, config.VocabSize);
    }

    /// <summary>The vocabulary of a new model.</summary>
    public static Vocabulary Bytes() => Of(new ByteTokenizer());

    /// <summary>The vocabulary of a tokenizer.</summary>
    public static Vocabulary Of(ITokenizer tokenizer) => new(tokenizer, null, tokenizer.Tokens, tokenizer.VocabSize);

    /// <summary>The tokens that end a response.</summary>
    public EndTokens Ends => Tokens.Ends;

    /// <summary>The tokenizer, where text makes one necessary.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public ITokenizer Needed(string what) =>
        Tokenizer ?? throw new UsageException($"{what} is text, and the model has no tokenizer to encode it. {WhyNone}");

    /// <summary>
    /// Tokens as people read them: the text, with the ids of tokens that the tokenizer has no text for; or, without a tokenizer, the ids.
    /// </summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="continues">They go on from others, as a response does from its prompt, and keep the space before their first
    /// word.</param>
    public string Show(ReadOnlySpan<int> ids, bool continues = false)
    {
        if (Tokenizer is null) return string.Join(' ', ids.ToArray());
        var text = new StringBuilder();
        while (!ids.IsEmpty)
        {
            // A stretch of tokens that the tokenizer knows, then one that it does not know.
            int known = 0;
            while (known < ids.Length && ids[known] < Tokenizer.VocabSize) known++;
            text.Append(continues ? Tokenizer.DecodeContinuation(ids[..known]) : Tokenizer.Decode(ids[..known]));
            continues = true;
            if (known < ids.Length) text.Append(WithoutText(ids[known++]));
            ids = ids[known..];
        }

        return text.ToString();
    }

    /// <summary>One token as people read it.</summary>
    public string Show(int id) =>
        Tokenizer is null
            ? id.ToString(CultureInfo.InvariantCulture)
            : id < Tokenizer.VocabSize ? Tokenizer.TokenText(id) : WithoutText(id);

    private static string WithoutText(int id) => string.Create(CultureInfo.InvariantCulture, $"<id {id}>");
}
