namespace MiniTransformer.Text.Bpe;

/// <summary>The merges that are possible in a word, lowest rank first and of equal ones the leftmost: a binary heap.</summary>
internal sealed class MergeQueue
{
    private ulong[] heap = new ulong[64];
    private int count;

    /// <summary>Adds a merge.</summary>
    public void Add(int rank, int position)
    {
        if (count == heap.Length) Array.Resize(ref heap, count * 2);
        ulong entry = ((ulong)(uint)rank << 32) | (uint)position;
        int at = count++;
        while (at > 0 && heap[(at - 1) / 2] is var parent && parent > entry)
        {
            heap[at] = parent;
            at = (at - 1) / 2;
        }

        heap[at] = entry;
    }

    /// <summary>Takes the first one out.</summary>
    public bool TryTake(out int rank, out int position)
    {
        (rank, position) = (0, 0);
        if (count == 0) return false;
        (rank, position) = ((int)(heap[0] >> 32), (int)heap[0]);
        ulong last = heap[--count];
        int at = 0;
        while (2 * at + 1 is var child && child < count)
        {
            if (child + 1 < count && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= last) break;
            heap[at] = heap[child];
            at = child;
        }

        heap[at] = last;
        return true;
    }
}
