namespace MiniTransformer.Data;

/// <summary>Tokens, and the stretches of them, from Start up to End, that carry loss: the turns of the assistant, or one response.</summary>
public sealed record TokenSequence(int[] Ids, IReadOnlyList<(int Start, int End)> Loss)
{
    /// <summary>Number of tokens that carry loss.</summary>
    public int Count => Loss.Sum(turn => turn.End - turn.Start);

    /// <summary>Whether each token carries loss.</summary>
    public bool[] Mask()
    {
        bool[] mask = new bool[Ids.Length];
        foreach ((int start, int end) in Loss) mask.AsSpan(start, end - start).Fill(true);
        return mask;
    }
}
