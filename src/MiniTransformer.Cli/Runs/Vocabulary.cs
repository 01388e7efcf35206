using MiniTransformer.Cli.Options;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a model's ids mean: its tokenizer if it has one, else the ids themselves.</summary>
/// <param name="Tokenizer">The tokenizer, or null.</param>
/// <param name="WhyNone">Why there is none.</param>
/// <param name="Tokens">What begins a sequence, ends a response and pads a batch: of the tokenizer and the model's configuration together.</param>
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

    /// <summary>The token that fills the shorter rows of a batch.</summary>
    public int PadId => Tokens.Filler;

    /// <summary>The tokenizer, where text makes one necessary.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public ITokenizer Needed(string what) => Tokenizer ?? throw new UsageException($"{what} is text, and the model has no tokenizer to encode it. {WhyNone}");

    /// <summary>Tokens as people read them: the text, or the ids.</summary>
    public string Show(ReadOnlySpan<int> ids)
    {
        if (Tokenizer is null) return string.Join(' ', ids.ToArray());
        int known = Tokenizer.VocabSize;
        return Tokenizer.Decode(Array.FindAll(ids.ToArray(), id => id < known));
    }

    /// <summary>One token as people read it.</summary>
    public string Show(int id) =>
        Tokenizer is not null && id < Tokenizer.VocabSize ? Tokenizer.TokenText(id) : id.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
