using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>How far a comparison is in one regime.</summary>
/// <param name="Regime">The regime.</param>
/// <param name="WholeSeeds">Evaluation seeds of which nothing is missing.</param>
/// <param name="Seeds">Evaluation seeds.</param>
/// <param name="WholeSweeps">Sweep seeds of which nothing is missing.</param>
/// <param name="Sweeps">Sweep seeds.</param>
/// <param name="Results">Finished results: a method in a seed.</param>
/// <param name="Missing">Those that are not finished; at least so many, for the sweeps may choose further ones.</param>
internal sealed record RegimeProgress(string Regime, int WholeSeeds, int Seeds, int WholeSweeps, int Sweeps, int Results, int Missing)
{
    /// <summary>Whether nothing is missing.</summary>
    public bool IsWhole => WholeSeeds == Seeds && WholeSweeps == Sweeps;

    /// <summary>What is missing in some regimes, as a sentence; null where nothing is.</summary>
    public static string? Sentence(IReadOnlyList<RegimeProgress> regimes)
    {
        if (regimes.All(r => r.IsWhole)) return null;
        int results = regimes.Sum(r => r.Results), missing = regimes.Sum(r => r.Missing);
        string[] lacking = [.. regimes.Where(r => !r.IsWhole).Select(r =>
            $"{r.Regime} ({r.WholeSeeds} of "
                + $"{Comparison.SeedCount(r.Seeds)}{(r.Sweeps > 0 ? $", {r.WholeSweeps} of {r.Sweeps} of the sweeps" : "")})")];
        return $"This comparison is not finished: {results} results are there, "
            + $"{(missing > 0 ? $"at least {missing} are missing" : "but not all that is measured of the worlds themselves")}. Not whole: "
            + $"{string.Join(", ", lacking)}. "
            + "Methods may rest on different seeds, and what is concluded may change.";
    }
}
