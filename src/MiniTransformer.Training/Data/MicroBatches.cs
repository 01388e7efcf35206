namespace MiniTransformer.Data;

/// <summary>
/// A batch in pieces whose gradients are accumulated. The loss of the whole is a mean over its tokens, so each piece's summed loss is
/// divided by <see cref="TokenCount"/>, the tokens of all pieces: a mean of the pieces' means would weigh tokens of short responses more.
/// <code>
/// L = (1/N) Σ_pieces Σ_n loss_n        N = Σ_pieces N_piece
/// </code>
/// </summary>
public sealed class MicroBatches
{
    /// <summary>
    /// Cuts what supervised training learns into consecutive pieces of at most <paramref name="size"/> examples; a piece in which no token
    /// carries loss is left out.
    /// </summary>
    /// <exception cref="DataException">No token of the whole batch carries loss.</exception>
    public MicroBatches(IReadOnlyList<Example> examples, int size)
        : this(examples, size, ResponseBatch.OfTurns, e => e.Learned.Count)
    {
    }

    private MicroBatches(IReadOnlyList<Example> examples, int size, Func<IReadOnlyList<Example>, ResponseBatch> layOut,
        Func<Example, int> tokensOf)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        Example[][] pieces = examples.Chunk(size).Where(piece => piece.Any(e => tokensOf(e) > 0)).ToArray();
        Pieces = pieces.Length > 0
            ? Array.ConvertAll(pieces, piece => layOut(piece))
            : [layOut(examples)];  // carries no loss either, and says so
        TokenCount = Pieces.Sum(piece => piece.N);
        Starts = new int[examples.Count + 1];
        for (int b = 0; b < examples.Count; b++) Starts[b + 1] = Starts[b] + tokensOf(examples[b]);
    }

    /// <summary>Cuts responses to prompts, of a conversation the last one; 0 is one piece.</summary>
    /// <exception cref="DataException">All responses are empty.</exception>
    public static MicroBatches OfResponses(IReadOnlyList<Example> examples, int size) =>
        new(examples, size == 0 ? examples.Count : size, piece => new ResponseBatch(piece), e => e.ResponseIds.Length);

    /// <summary>The pieces, in the order of the examples.</summary>
    public IReadOnlyList<ResponseBatch> Pieces { get; }

    /// <summary>N, the tokens that carry loss in all pieces together.</summary>
    public int TokenCount { get; }

    /// <summary>Example b's tokens with loss are Starts[b] … Starts[b+1]−1 of those of all pieces, one after another.</summary>
    public int[] Starts { get; }

    /// <summary>Each piece with the number of its first token.</summary>
    public IEnumerable<(ResponseBatch Piece, int First)> Placed()
    {
        int first = 0;
        foreach (ResponseBatch piece in Pieces)
        {
            yield return (piece, first);
            first += piece.N;
        }
    }
}
