namespace MiniTransformer.Data;

/// <summary>
/// A batch in pieces whose gradients are accumulated. The loss of the whole is a mean over its tokens, so each piece's summed loss is divided by
/// <see cref="TokenCount"/>, the tokens of all pieces: a mean of the pieces' means would weigh tokens of short responses more.
/// <code>
/// L = (1/N) Σ_pieces Σ_n loss_n        N = Σ_pieces N_piece
/// </code>
/// </summary>
public sealed class MicroBatches
{
    /// <summary>Cuts the examples into consecutive pieces of at most <paramref name="size"/>; a piece in which no token carries loss is left out.</summary>
    /// <exception cref="DataException">No token of the whole batch carries loss.</exception>
    public MicroBatches(IReadOnlyList<Example> examples, int size)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        Example[][] pieces = examples.Chunk(size).Where(piece => piece.Any(e => e.Learned.Count > 0)).ToArray();
        Pieces = pieces.Length > 0
            ? Array.ConvertAll(pieces, ResponseBatch.OfTurns)
            : [ResponseBatch.OfTurns(examples)];  // carries no loss either, and says so
        TokenCount = Pieces.Sum(piece => piece.N);
    }

    /// <summary>The pieces, in the order of the examples.</summary>
    public IReadOnlyList<ResponseBatch> Pieces { get; }

    /// <summary>N, the tokens that carry loss in all pieces together.</summary>
    public int TokenCount { get; }
}
