namespace MiniTransformer.Tensors;

/// <summary>The extents of a row-major tensor of one to four dimensions.</summary>
public readonly record struct Shape
{
    private readonly int d0;
    private readonly int d1;
    private readonly int d2;
    private readonly int d3;

    /// <summary>A vector of n elements.</summary>
    public Shape(int n)
        : this(1, n, 1, 1, 1)
    {
    }

    /// <summary>A matrix.</summary>
    public Shape(int a, int b)
        : this(2, a, b, 1, 1)
    {
    }

    /// <summary>A tensor of three dimensions, such as (B, T, C).</summary>
    public Shape(int a, int b, int c)
        : this(3, a, b, c, 1)
    {
    }

    /// <summary>A tensor of four dimensions, such as (B, T, H, D).</summary>
    public Shape(int a, int b, int c, int d)
        : this(4, a, b, c, d)
    {
    }

    private Shape(int rank, int d0, int d1, int d2, int d3)
    {
        if (d0 < 0 || d1 < 0 || d2 < 0 || d3 < 0)
            throw new ArgumentException($"Shape: an extent is negative: ({d0}, {d1}, {d2}, {d3}).");
        (Rank, this.d0, this.d1, this.d2, this.d3) = (rank, d0, d1, d2, d3);
        long count = (long)d0 * d1;
        if (count <= int.MaxValue) count *= d2;
        if (count <= int.MaxValue) count *= d3;
        if (count > int.MaxValue)
            throw new ArgumentException($"Shape: {this} has more than 2³¹ − 1 elements; lower the batch size or the context.");
        Count = (int)count;
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public int Count { get; }

    /// <summary>The last extent: the length of a row.</summary>
    public int Last => this[Rank - 1];

    /// <summary>The number of rows: the product of all extents but the last.</summary>
    public int Rows => Rank switch { 1 => 1, 2 => d0, 3 => d0 * d1, _ => d0 * d1 * d2 };

    /// <summary>The extent of one dimension.</summary>
    public int this[int dimension] => dimension switch
    {
        _ when (uint)dimension >= (uint)Rank =>
            throw new ArgumentOutOfRangeException(nameof(dimension), $"Shape {this} has no dimension {dimension}."),
        0 => d0,
        1 => d1,
        2 => d2,
        _ => d3,
    };

    /// <summary>This shape with another last extent.</summary>
    public Shape WithLast(int last) => Rank switch
    {
        1 => new Shape(last),
        2 => new Shape(d0, last),
        3 => new Shape(d0, d1, last),
        _ => new Shape(d0, d1, d2, last),
    };

    /// <summary>This shape without its last dimension; of a vector, one element.</summary>
    public Shape WithoutLast() =>
        Rank switch { 1 => new Shape(1), 2 => new Shape(d0), 3 => new Shape(d0, d1), _ => new Shape(d0, d1, d2) };

    /// <summary>The extents as an array, outermost first.</summary>
    public long[] ToArray()
    {
        var extents = new long[Rank];
        for (int i = 0; i < Rank; i++) extents[i] = this[i];
        return extents;
    }

    /// <summary>The shape of the given extents, outermost first.</summary>
    public static Shape Of(ReadOnlySpan<int> extents) => extents.Length switch
    {
        1 => new Shape(extents[0]),
        2 => new Shape(extents[0], extents[1]),
        3 => new Shape(extents[0], extents[1], extents[2]),
        4 => new Shape(extents[0], extents[1], extents[2], extents[3]),
        _ => throw new ArgumentException($"Shape: one to four dimensions are supported, not {extents.Length}."),
    };

    /// <inheritdoc/>
    public override string ToString() => Rank switch
    {
        0 => "()",
        1 => $"({d0})",
        2 => $"({d0}, {d1})",
        3 => $"({d0}, {d1}, {d2})",
        _ => $"({d0}, {d1}, {d2}, {d3})",
    };
}
