namespace MiniTransformer.Text;

/// <summary>The tokens that have a part of their own in a sequence. A model may lack any of them.</summary>
/// <param name="Begin">What every sequence begins with; null where sequences begin with their text.</param>
/// <param name="Ends">What ends a response.</param>
/// <param name="Pad">What fills the shorter rows of a batch; no result depends on it.</param>
public sealed record Tokens(int? Begin, EndTokens Ends, int? Pad)
{
    /// <summary>A token to fill rows with where one is needed: <see cref="Pad"/>, else any.</summary>
    public int Filler => Pad ?? Ends.First ?? 0;
}
