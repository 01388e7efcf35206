using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>What a piece of attention's backward pass computes.</summary>
internal enum AttentionPart
{
    /// <summary>All of it, for whole sequences.</summary>
    Whole,

    /// <summary>dq of some queries of one sequence.</summary>
    Queries,

    /// <summary>dk and dv of some keys of one sequence.</summary>
    Keys,
}

/// <summary>Sequences First ≤ b &lt; End, of each of them the rows From ≤ i &lt; To as far as it has them.</summary>
internal readonly record struct AttentionPiece(int First, int End, int From, int To, AttentionPart Part);

/// <summary>
/// How the attention of a batch is dealt out to threads: by cost, not by count. The cost of a sequence is the scores that it forms,
/// Σᵢ min(i + 1, window) for one head. Short sequences share a piece, a long one is cut, so that one long sequence among short ones keeps
/// all threads busy. Every row's sums have one order wherever the cuts lie, so that no result depends on them.
/// </summary>
internal sealed unsafe class AttentionPlan(int threads) : IDisposable
{
    // Pieces that a thread gets about, and the scores times D that are worth taking: some microseconds.
    private const int PiecesPerThread = 8;
    private const long LeastWork = 1 << 18;

    private AttentionPiece* pieces;
    private int capacity;
    private long limit;
    private long least;
    private long shared;

    /// <summary>The pieces.</summary>
    public AttentionPiece* Pieces => pieces;

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    /// <summary>Rows of the longest sequence.</summary>
    public int Longest { get; private set; }

    /// <summary>Pieces of the forward pass, cut at multiples of 16 rows, for each of some heads.</summary>
    public void CutForward(ReadOnlySpan<int> starts, int heads, int D, int window)
    {
        Begin(starts, heads, D, window);
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            int length = starts[b + 1] - starts[b];
            long cost = Cost(0, length, window);
            if (cost <= limit) Share(b, cost);
            else CutQueries(b, length, AttentionForward.BlockRows, window);
        }
    }

    /// <summary>
    /// Pieces of the backward pass, for each of some key-value heads. A sequence that is cut is gone through twice, for the gradient of its
    /// queries and for that of its keys and values, and forms its scores for both.
    /// </summary>
    public void CutBackward(ReadOnlySpan<int> starts, int heads, int D, int window)
    {
        Begin(starts, heads, D, window);
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            int length = starts[b + 1] - starts[b];
            long cost = Cost(0, length, window);
            if (cost <= limit)
            {
                Share(b, cost);
                continue;
            }

            CutQueries(b, length, AttentionBackward.BlockRows, window);
            CutKeys(b, length, AttentionBackward.BlockRows, window);
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        NativeMemory.Free(pieces);
        pieces = null;
        (capacity, Count) = (0, 0);
    }

    // Scores of the queries from ≤ i < to.
    private static long Cost(long from, long to, long window)
    {
        long full = window == 0 ? to : Math.Clamp(window, from, to); // queries before it see all that came
        return ((from + 1 + full) * (full - from) / 2) + ((to - full) * window);
    }

    // Scores of the keys from ≤ j < to of a sequence: key j is seen by the queries j ≤ i < min(length, j + window).
    private static long CostOfKeys(long from, long to, long length, long window) => Cost(length - to, length - from, window);

    // Forgets what was, and says how many scores of a head a piece may have, and has at least where it shares.
    private void Begin(ReadOnlySpan<int> starts, int heads, int D, int window)
    {
        (Count, Longest) = (0, 0);
        long total = 0;
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            int length = starts[b + 1] - starts[b];
            Longest = Math.Max(Longest, length);
            total += Cost(0, length, window);
        }

        least = LeastWork / Math.Max(1, D);
        limit = threads == 1 ? long.MaxValue : Math.Max(least, total * heads / (PiecesPerThread * threads));
    }

    // Sequence b joins the piece before it, if that holds whole sequences and little work.
    private void Share(int b, long cost)
    {
        if (Count > 0 && pieces[Count - 1] is { Part: AttentionPart.Whole } last && shared + cost <= least)
        {
            pieces[Count - 1] = last with { End = b + 1 };
            shared += cost;
            return;
        }

        Add(new AttentionPiece(b, b + 1, 0, int.MaxValue, AttentionPart.Whole));
        shared = cost;
    }

    private void CutQueries(int b, int length, int step, int window)
    {
        for (int from = 0, to; from < length; from = to)
        {
            to = from + step;
            while (to < length && Cost(from, to + step, window) <= limit) to += step;
            Add(new AttentionPiece(b, b + 1, from, Math.Min(to, length), AttentionPart.Queries));
        }
    }

    private void CutKeys(int b, int length, int step, int window)
    {
        for (int from = 0, to; from < length; from = to)
        {
            to = from + step;
            while (to < length && CostOfKeys(from, Math.Min(to + step, length), length, window) <= limit) to += step;
            Add(new AttentionPiece(b, b + 1, from, Math.Min(to, length), AttentionPart.Keys));
        }
    }

    private void Add(AttentionPiece piece)
    {
        if (Count == capacity)
        {
            capacity = Math.Max(64, 2 * capacity);
            pieces = (AttentionPiece*)NativeMemory.Realloc(pieces, (nuint)capacity * (nuint)sizeof(AttentionPiece));
        }

        pieces[Count++] = piece;
    }
}
