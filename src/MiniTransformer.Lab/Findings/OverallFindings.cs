namespace MiniTransformer.Lab;

/// <summary>What the numbers of all regimes say together.</summary>
public static class OverallFindings
{
    private static readonly MethodRole[] Spoken = [MethodRole.Dpr, MethodRole.FlooredDpr, MethodRole.Extrapolation, MethodRole.Sentence];

    /// <summary>
    /// For the central methods: in which regimes each is better than SFT and continued SFT, and in which it is worse than SFT. Regimes with
    /// too few seeds for intervals, of an unfinished comparison, are left out.
    /// </summary>
    public static IReadOnlyList<Finding> Of(IReadOnlyList<RegimeResults> regimes)
    {
        RegimeResults[] measured =
            [.. regimes.Where(r => r.Comparison.Seeds >= Statistics.FewestForInterval && r.Main(MethodRole.Sft) is not null)];
        return [.. Spoken.Select(role => Finding(role, measured)).OfType<Finding>()];
    }

    /// <summary>
    /// How many intervals of differences to SFT exclude zero, and how many would by chance: a reader of many comparisons has to know.
    /// </summary>
    public static string Multiplicity(IReadOnlyList<RegimeResults> regimes)
    {
        Outcome[] outcomes =
        [
            .. from regime in regimes
               let sft = regime.Main(MethodRole.Sft)
               where sft is not null
               from method in regime.Compared
               where method.Role != MethodRole.Sft
               from decoding in new[] { Decoding.Greedy, Decoding.Sampled }
               let outcome = regime.Comparison.Difference(method.Label, sft.Label, decoding).Outcome
               where outcome != Outcome.Unmeasured
               select outcome,
        ];
        return outcomes.Length == 0
            ? "No differences have intervals: there are too few seeds."
            : $"Of {outcomes.Length} intervals of differences to SFT {outcomes.Count(o => o != Outcome.Unclear)} exclude zero; if no "
                + $"method differed from SFT, about {Math.Round(outcomes.Length * .05):0} would by chance.";
    }

    private static Finding? Finding(MethodRole role, IReadOnlyList<RegimeResults> regimes)
    {
        RegimeResults[] run = [.. regimes.Where(r => r.Main(role) is not null)];
        if (run.Length == 0) return null;
        string method = run[0].Main(role)!.Method;
        var readings = run.Select(r =>
        {
            var findings = new RegimeFindings(r);
            string label = r.Main(role)!.Label;
            bool greedy = findings.Beats(label, Decoding.Greedy), sampled = findings.Beats(label, Decoding.Sampled);
            bool worse = findings.IsWorse(label, Decoding.Greedy) || findings.IsWorse(label, Decoding.Sampled);
            return (Name: r.Regime.Name, Kind: greedy && sampled ? 0 : worse && !greedy
                && !sampled ? 3 : worse ? 4 : greedy ? 1 : sampled ? 2 : 5);
        }).ToArray();
        string[] kinds = ["greedy and sampled", "only greedy", "only sampled"];
        string[] parts = [.. kinds.Select((kind, i) => (kind, Names: Names(i))).Where(k => k.Names.Length > 0)
            .Select(k => $"{k.kind} in {In(k.Names)}")];
        string[] worse = Names(3), torn = Names(4);
        string evidence = $"clearly better than SFT and continued SFT {(parts.Length == 0 ? "in none" : string.Join(", ", parts))} of "
            + $"{run.Length} {(run.Length == 1 ? "regime" : "regimes")}; "
            + $"worse than SFT in {(worse.Length > 0 ? In(worse) : "none")}"
            + (torn.Length > 0 ? $"; better in one way and worse in the other in {In(torn)}" : "");
        Outcome outcome = (parts.Length > 0, worse.Length + torn.Length > 0) switch
        {
            (true, false) => Outcome.Better,
            (false, true) =>
            Outcome.Worse,
            _ => Outcome.Unclear
        };
        return new Finding(outcome, $"{char.ToUpperInvariant(method[0])}{method[1..]}, with the main reference", evidence);

        static string In(string[] names) => $"{names.Length} ({string.Join(", ", names)})";

        string[] Names(int kind) => [.. readings.Where(r => r.Kind == kind).Select(r => r.Name)];
    }
}
