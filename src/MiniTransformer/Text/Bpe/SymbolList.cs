namespace MiniTransformer.Text.Bpe;

/// <summary>A word while it is merged: a linked list of its symbols.</summary>
internal sealed class SymbolList(int capacity)
{
    private Symbol[] symbols = new Symbol[Math.Max(capacity, 4)];
    private int count;

    private struct Symbol
    {
        public int Id, Bytes, Previous, Next;
    }

    /// <summary>Adds a symbol at the end.</summary>
    public void Add(int id, int bytes)
    {
        if (count == symbols.Length) Array.Resize(ref symbols, count * 2);
        symbols[count] = new Symbol { Id = id, Bytes = bytes, Previous = count - 1, Next = -1 };
        if (count > 0) symbols[count - 1].Next = count;
        count++;
    }

    /// <summary>
    /// Merges neighbours, lowest rank first. A merge that was noted and whose symbols have changed since still counts if what stands there
    /// now becomes the same token, as Hugging Face's library has it.
    /// </summary>
    public void MergeAll(PairRanks ranks, int[] merged)
    {
        if (count < 2) return;
        var queue = new MergeQueue();
        for (int i = 0; i + 1 < count; i++) Note(i);
        while (queue.TryTake(out int rank, out int position))
        {
            ref Symbol left = ref symbols[position];
            if (left.Bytes == 0 || left.Next < 0) continue;
            ref Symbol right = ref symbols[left.Next];
            int now = ranks.Find(left.Id, right.Id);
            if (now < 0 || merged[now] != merged[rank]) continue;
            left.Id = merged[rank];
            left.Bytes += right.Bytes;
            right.Bytes = 0;
            left.Next = right.Next;
            if (left.Next >= 0) symbols[left.Next].Previous = position;
            if (left.Previous >= 0) Note(left.Previous);
            if (left.Next >= 0) Note(position);
        }

        void Note(int position)
        {
            int rank = ranks.Find(symbols[position].Id, symbols[symbols[position].Next].Id);
            if (rank >= 0) queue.Add(rank, position);
        }
    }

    /// <summary>What is left.</summary>
    public Word ToWord()
    {
        List<int> ids = new(count), bytes = new(count);
        for (int i = 0; i < count; i++)
        {
            if (symbols[i].Bytes == 0) continue;
            ids.Add(symbols[i].Id);
            bytes.Add(symbols[i].Bytes);
        }

        return new Word([.. ids], [.. bytes]);
    }
}
