namespace MiniTransformer.Data;

/// <summary>A prompt to answer: its token ids with the begin token, its text where known, and where it was read ("file:line").</summary>
public sealed record Prompt(int[] Ids, string? Text = null, string? Source = null);
