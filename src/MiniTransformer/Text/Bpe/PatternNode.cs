namespace MiniTransformer.Text.Bpe;

/// <summary>
/// How often the engine tries a repetition first: as often as it can, as seldom, or as often as it can without ever giving back.
/// </summary>
internal enum Greed
{
    Greedy,
    Lazy,
    Possessive,
}

/// <summary>A place that an anchor asks for.</summary>
internal enum Anchor
{
    TextStart,
    TextEnd,
    LastLineEnd,
    LineStart,
    LineEnd,
    WordBoundary,
    NotWordBoundary,
}

/// <summary>A pattern as it was written.</summary>
internal abstract record PatternNode
{
    /// <summary>One code point of a set.</summary>
    public sealed record Set(CharacterSet Characters) : PatternNode;

    /// <summary>One after another.</summary>
    public sealed record Sequence(PatternNode[] Parts) : PatternNode;

    /// <summary>The first of several that matches.</summary>
    public sealed record Choice(PatternNode[] Options) : PatternNode;

    /// <summary>From Least to Most (−1: any number of) times.</summary>
    public sealed record Repeat(PatternNode Body, int Least, int Most, Greed Greed) : PatternNode;

    /// <summary>What follows, or stands before, is (or is not) this; nothing is taken.</summary>
    public sealed record Look(PatternNode Body, bool Behind, bool Negative) : PatternNode;

    /// <summary>The first way in which this matches, and no other.</summary>
    public sealed record Atomic(PatternNode Body) : PatternNode;

    /// <summary>A place.</summary>
    public sealed record Place(Anchor Anchor) : PatternNode;

    /// <summary>The fewest and the most code points that it takes; −1 for no bound.</summary>
    public (int Least, int Most) Length => this switch
    {
        Set => (1, 1),
        Sequence sequence => sequence.Parts.Aggregate((0, 0), (sum, part) => Sum(sum, part.Length)),
        Choice choice => choice.Options.Select(option => option.Length)
            .Aggregate((a, b) => (Math.Min(a.Least, b.Least), Larger(a.Most, b.Most))),
        Repeat repeat => (Times(repeat.Least, repeat.Body.Length.Least), Times(repeat.Most, repeat.Body.Length.Most)),
        Atomic atomic => atomic.Body.Length,
        _ => (0, 0),
    };

    private static (int Least, int Most) Sum((int Least, int Most) a, (int Least, int Most) b) =>
        (a.Least + b.Least, a.Most < 0 || b.Most < 0 ? -1 : a.Most + b.Most);

    private static int Larger(int a, int b) => a < 0 || b < 0 ? -1 : Math.Max(a, b);

    private static int Times(int a, int b) => a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : (int)Math.Min((long)a * b, int.MaxValue);
}
