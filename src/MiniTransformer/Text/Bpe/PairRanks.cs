namespace MiniTransformer.Text.Bpe;

/// <summary>The merges: from two tokens to the rank of their merge. A hash table with open places, of at most half full.</summary>
internal sealed class PairRanks
{
    private readonly ulong[] keys;
    private readonly int[] ranks;
    private readonly int shift;

    /// <summary>An empty table with room for some merges.</summary>
    public PairRanks(int count)
    {
        int bits = 4;
        while (1L << bits < 2L * count) bits++;
        (keys, ranks, shift) = (new ulong[1 << bits], new int[1 << bits], 64 - bits);
        Array.Fill(ranks, -1);
    }

    /// <summary>Sets the rank of a pair; the last one counts.</summary>
    public void Set(int left, int right, int rank)
    {
        int place = Place(left, right);
        keys[place] = Key(left, right);
        ranks[place] = rank;
    }

    /// <summary>The rank of a pair, −1 if it is not merged.</summary>
    public int Find(int left, int right) => ranks[Place(left, right)];

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    // Where the pair is, or where it would be put.
    private int Place(int left, int right)
    {
        ulong key = Key(left, right);
        int place = (int)((key * 0x9E3779B97F4A7C15) >> shift);
        while (ranks[place] >= 0 && keys[place] != key) place = (place + 1) & (keys.Length - 1);
        return place;
    }
}
