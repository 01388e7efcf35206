using MiniTransformer.Backends;

namespace MiniTransformer.Tensors;

/// <summary>
/// Where the sequences of a batch begin: sequence b is rows [b] … [b+1] − 1, and attention looks at nothing outside it. There are B + 1
/// starts, from 0 to N; a sequence may have no row.
/// </summary>
public readonly struct SequenceStarts
{
    private readonly TokenIds onDevice;
    private readonly int[] host;

    internal SequenceStarts(TokenIds onDevice, int[] host) => (this.onDevice, this.host) = (onDevice, host);

    /// <summary>B, the sequences.</summary>
    public int Count => host.Length - 1;

    /// <summary>N, the rows of all sequences.</summary>
    public int Rows => host[^1];

    /// <summary>The row of a sequence's first token; of B, the number of rows.</summary>
    public int this[int b] => host[b];

    /// <summary>The step that they belong to.</summary>
    public TensorOwner Owner => onDevice.Owner;

    /// <summary>The starts as a backend takes them.</summary>
    public Sequences Storage => new(onDevice.Storage, host);
}

/// <summary>
/// The tokens of a batch: sequences one after another, each as long as it is.
/// <code>
/// ids        p p p r r | p r r r r r | p p r          N = 14
/// starts     0           5             11     14
/// positions  0 1 2 3 4 | 0 1 2 3 4 5 | 0 1 2
/// </code>
/// </summary>
/// <param name="Ids">The tokens, (N).</param>
/// <param name="Positions">Their positions in their sequences, (N).</param>
/// <param name="Starts">Where the sequences begin, B + 1 numbers.</param>
public readonly record struct TokenRows(TokenIds Ids, TokenIds Positions, SequenceStarts Starts);
