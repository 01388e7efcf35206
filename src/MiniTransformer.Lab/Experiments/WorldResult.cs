namespace MiniTransformer.Lab;

/// <summary>Everything that a comparison keeps of one regime and seed.</summary>
/// <param name="Cells">The methods' results, in the order in which they were run.</param>
/// <param name="Facts">What is known of the world itself; null until it has been measured.</param>
public sealed record WorldResult(List<CellResult> Cells, WorldFacts? Facts);
