namespace MiniTransformer.Data;

/// <summary>
/// Tokens, and the stretches of them, from Start up to End, that carry loss: the turns of the assistant, or one response.
/// </summary>
public sealed record TokenSequence(int[] Ids, IReadOnlyList<(int Start, int End)> Loss)
{
    /// <summary>Number of tokens that carry loss.</summary>
    public int Count => Loss.Sum(turn => turn.End - turn.Start);
}
