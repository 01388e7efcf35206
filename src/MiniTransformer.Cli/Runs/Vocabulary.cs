using MiniTransformer.Cli.Options;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a model's ids mean: its tokenizer if it has one, else the ids themselves.</summary>
/// <param name="Tokenizer">The tokenizer, or null.</param>
/// <param name="WhyNone">Why there is none.</param>
/// <param name="EndId">The token that ends a response, −1 for none.</param>
/// <param name="PadId">The token that pads a batch.</param>
/// <param name="Size">Number of ids.</param>
internal sealed record Vocabulary(ITokenizer? Tokenizer, string? WhyNone, int EndId, int PadId, int Size)
{
    /// <summary>The vocabulary of a model's folder.</summary>
    public static Vocabulary Of(string folder, TransformerConfig config)
    {
        ITokenizer? tokenizer = Checkpoint.LoadTokenizer(folder, config, out string? whyNone);
        return new Vocabulary(tokenizer, whyNone, tokenizer?.EndId ?? config.EndId ?? -1, tokenizer?.PadId ?? config.PadId ?? 0, config.VocabSize);
    }

    /// <summary>The vocabulary of a new model.</summary>
    public static Vocabulary Bytes()
    {
        var tokenizer = new ByteTokenizer();
        return new Vocabulary(tokenizer, null, tokenizer.EndId, tokenizer.PadId, tokenizer.VocabSize);
    }

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
