namespace MiniTransformer.Reports;

/// <summary>What the numbers of all regimes say together.</summary>
public static class OverallFindings
{
    private static readonly string[] Spoken = [ControlMethods.Dpr, ControlMethods.FlooredDpr, ControlMethods.Extrapolation, ControlMethods.Sentence];

    /// <summary>For the central methods: in which regimes each is better than SFT and continued SFT, and in which it is worse than SFT.</summary>
    public static IReadOnlyList<Finding> Of(IReadOnlyList<RegimeResults> regimes)
    {
        if (regimes.Any(r => r.Comparison.Seeds < Statistics.FewestForInterval || !r.Has(ControlMethods.Sft))) return [];
        return [.. Spoken.Select(method => Finding(method, regimes)).OfType<Finding>()];
    }

    /// <summary>
    /// How many intervals of differences to SFT exclude zero, and how many would by chance: a reader of many comparisons has to know.
    /// </summary>
    public static string Multiplicity(IReadOnlyList<RegimeResults> regimes)
    {
        Outcome[] outcomes =
        [
            .. from regime in regimes
               where regime.Has(ControlMethods.Sft)
               from row in regime.Rows
               where row.Method != ControlMethods.Sft
               from decoding in new[] { Decoding.Greedy, Decoding.Sampled }
               let outcome = regime.Comparison.Difference(row.Label, ControlMethods.Sft, decoding).Outcome
               where outcome != Outcome.Unmeasured
               select outcome,
        ];
        return outcomes.Length == 0
            ? "No differences have intervals: there are too few seeds."
            : $"Of {outcomes.Length} intervals of differences to SFT {outcomes.Count(o => o != Outcome.Unclear)} exclude zero; if no method differed from SFT, about {Math.Round(outcomes.Length * .05):0} would by chance.";
    }

    private static Finding? Finding(string method, IReadOnlyList<RegimeResults> regimes)
    {
        RegimeResults[] run = [.. regimes.Where(r => r.Has(r.Main(method)))];
        if (run.Length == 0) return null;
        var readings = run.Select(r =>
        {
            var findings = new RegimeFindings(r);
            string label = r.Main(method);
            bool greedy = findings.Beats(label, Decoding.Greedy), sampled = findings.Beats(label, Decoding.Sampled);
            bool worse = findings.IsWorse(label, Decoding.Greedy) || findings.IsWorse(label, Decoding.Sampled);
            return (Name: r.Regime.Name, Kind: greedy && sampled ? 0 : worse && !greedy && !sampled ? 3 : worse ? 4 : greedy ? 1 : sampled ? 2 : 5);
        }).ToArray();
        string[] kinds = ["greedy and sampled", "only greedy", "only sampled"];
        var parts = new List<string>();
        for (int kind = 0; kind < kinds.Length; kind++)
        {
            if (Names(kind) is { Length: > 0 } names) parts.Add($"{kinds[kind]} in {names.Length} ({string.Join(", ", names)})");
        }

        string better = parts.Count == 0 ? "in none" : string.Join(", ", parts);
        string[] worseIn = Names(3), torn = Names(4);
        string evidence = better
            + (worseIn.Length > 0 ? $"; worse than SFT in {worseIn.Length} ({string.Join(", ", worseIn)})" : "; worse than SFT in none")
            + (torn.Length > 0 ? $"; better in one way and worse in the other in {torn.Length} ({string.Join(", ", torn)})" : "");
        Outcome outcome = (parts.Count > 0, worseIn.Length + torn.Length > 0) switch { (true, false) => Outcome.Better, (false, true) => Outcome.Worse, _ => Outcome.Unclear };
        return new Finding(outcome, $"{method}, with the main reference: of {run.Length} {(run.Length == 1 ? "regime" : "regimes")} clearly better than SFT and continued SFT", evidence);

        string[] Names(int kind) => [.. readings.Where(r => r.Kind == kind).Select(r => r.Name)];
    }
}
