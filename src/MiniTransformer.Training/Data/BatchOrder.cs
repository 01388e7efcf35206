using MiniTransformer.Tensors;

namespace MiniTransformer.Data;

/// <summary>
/// Which examples a step takes: a pure function of seed and step, so that a run resumes from the number of its step alone. Every epoch
/// visits each example once, in an order of its own (or, in order, in the order of the data). An epoch's last batch is short where
/// the batch size does not divide the number of examples: nothing is dropped, nothing is seen twice.
/// </summary>
public sealed class BatchOrder
{
    private const ulong OrderStream = 0x4F524452UL << 32;

    private readonly ulong seed;
    private readonly bool inOrder;
    private long shuffledEpoch = -1;
    private int[] shuffled = [];

    /// <summary>The order for this many examples; <paramref name="inOrder"/> keeps the order of the data in every epoch.</summary>
    public BatchOrder(int count, ulong seed, bool inOrder = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (Count, this.seed, this.inOrder) = (count, seed, inOrder);
    }

    /// <summary>Number of examples of an epoch.</summary>
    public int Count { get; }

    /// <summary>Steps of an epoch, its short last batch included: ⌈Count / batchSize⌉.</summary>
    public long StepsPerEpoch(int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        return (Count + (long)batchSize - 1) / batchSize;
    }

    /// <summary>The examples of a step, counted from 0.</summary>
    public int[] IndicesOf(long step, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        (long epoch, long batch) = Math.DivRem(step, StepsPerEpoch(batchSize));
        int start = (int)(batch * batchSize);
        int length = Math.Min(batchSize, Count - start);
        return inOrder ? Enumerable.Range(start, length).ToArray() : OrderOf(epoch).AsSpan(start, length).ToArray();
    }

    private int[] OrderOf(long epoch)
    {
        if (epoch == shuffledEpoch) return shuffled;
        shuffled = Enumerable.Range(0, Count).ToArray();
        new Rng(seed, OrderStream + (ulong)epoch).Shuffle<int>(shuffled);
        shuffledEpoch = epoch;
        return shuffled;
    }
}
