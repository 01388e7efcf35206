namespace MiniTransformer.Text;

/// <summary>The tokens that have a part of their own in a sequence. A model may lack any of them.</summary>
/// <param name="Begin">What every sequence begins with; null where sequences begin with their text.</param>
/// <param name="Ends">What ends a response.</param>
/// <param name="Pad">What other tools fill the shorter rows of a batch with. It is read and written for them; nothing here is
/// padded.</param>
public sealed record Tokens(int? Begin, EndTokens Ends, int? Pad);
