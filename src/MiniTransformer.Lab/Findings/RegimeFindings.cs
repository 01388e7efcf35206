namespace MiniTransformer.Lab;

/// <summary>
/// What one regime's numbers say, in plain words and no more than the intervals allow: who beats SFT and every form of continued SFT,
/// whether sampling SFT at a lower temperature does as much, and whether dense rewards beat a sentence's reward at equal KL.
/// </summary>
public sealed class RegimeFindings
{
    private readonly RegimeResults results;
    private readonly Comparison comparison;
    private readonly string[] controls;
    private readonly string? sft;

    /// <summary>Reads a regime's results.</summary>
    public RegimeFindings(RegimeResults results)
    {
        (this.results, comparison, sft) = (results, results.Comparison, results.Main(MethodRole.Sft)?.Label);
        controls = [.. results.Compared.Where(r => IsContinued(r) && r.Collapsed < r.Results.Count).Select(r => r.Label)];
    }

    /// <summary>
    /// Whether a method is better than SFT and than every form of continued SFT that was run (at its default, on the last part, at the
    /// chosen rate): every interval of the differences lies above zero.
    /// </summary>
    public bool Beats(string label, Decoding decoding) =>
        sft is not null && controls.Append(sft).All(baseline => comparison.Difference(label, baseline, decoding).Outcome == Outcome.Better);

    /// <summary>Whether a method is worse than SFT: the interval lies below zero.</summary>
    public bool IsWorse(string label, Decoding decoding) => AgainstSft(label, decoding) == Outcome.Worse;

    /// <summary>The findings, most important first.</summary>
    public IReadOnlyList<Finding> All()
    {
        if (sft is null) return [new Finding(Outcome.Unmeasured, "Nothing can be said", "SFT itself was not run")];
        if (comparison.Seeds < Statistics.FewestForInterval)
        {
            return [new Finding(Outcome.Unmeasured, "Nothing is claimed",
                $"there are no intervals with {Comparison.SeedCount(comparison.Seeds)}; see the means in the table"), .. AtEqualKl()];
        }

        return [.. AgainstControls(), .. Cooler(), .. AtEqualKl()];
    }

    private IEnumerable<Finding> AgainstControls()
    {
        string[] rows = [.. Compared().Select(r => r.Label)];
        var rest = rows.ToList();
        string[] both = Take(l => Beats(l, Decoding.Greedy) && Beats(l, Decoding.Sampled));
        string[] torn = Take(l => Outcomes(l) is (Outcome.Better, Outcome.Worse) or (Outcome.Worse, Outcome.Better));
        string[] greedyOnly = Take(l => Beats(l, Decoding.Greedy));
        string[] sampledOnly = Take(l => Beats(l, Decoding.Sampled));
        string[] overSft = Take(l => Outcomes(l) is (Outcome.Better, _) or (_, Outcome.Better));
        string[] worse = Take(l => IsWorse(l, Decoding.Greedy) || IsWorse(l, Decoding.Sampled));
        string[] unmeasured = Take(l => Outcomes(l) is (Outcome.Unmeasured, Outcome.Unmeasured));

        string than = controls.Length == 0 ? "SFT (continued SFT was not run)" : "SFT and than continued SFT";
        if (both.Length > 0) yield return Found(Outcome.Better, $"Better than {than}, greedy and sampled", both);
        else
        {
            yield return new Finding(Outcome.Unclear, $"No method is clearly better than {than} in both, greedy and sampled",
                Strongest(rows));
        }
        if (greedyOnly.Length > 0) yield return Found(Outcome.Better, $"Better than {than} only greedy", greedyOnly);
        if (sampledOnly.Length > 0) yield return Found(Outcome.Better, $"Better than {than} only sampled", sampledOnly);
        if (overSft.Length > 0)
        {
            yield return Found(Outcome.Unclear, "Better than SFT, greedy or sampled, but not clearly better than continued SFT", overSft);
        }
        if (torn.Length > 0) yield return Found(Outcome.Unclear, "Better than SFT in one way and worse in the other", torn);
        if (worse.Length > 0) yield return Found(Outcome.Worse, "Worse than SFT, greedy or sampled, and better in neither", worse);
        if (rest.Count > 0) yield return Found(Outcome.Unclear, "No clear difference to SFT", [.. rest]);
        if (unmeasured.Length > 0)
        {
            yield return new Finding(Outcome.Unmeasured, "Too few seeds with numbers", string.Join("; ", unmeasured));
        }
        string[] oracles = [.. results.Compared.Where(r => r.Role == MethodRole.SeesJudge).Select(r => r.Label)];
        if (oracles.Length > 0)
        {
            yield return Found(Outcome.Unmeasured, "For comparison, methods that the verifier tells which responses are right", oracles);
        }
        foreach (ComparedMethod row in results.Compared.Where(r => r.Collapsed > 0))
            yield return new Finding(Outcome.Worse, $"{row.Label} collapsed",
                $"in {row.Collapsed} of {Comparison.SeedCount(row.Results.Count)}, which its means leave out");

        string[] Take(Func<string, bool> isOne)
        {
            string[] taken = [.. rest.Where(isOne)];
            rest.RemoveAll(taken.Contains);
            return taken;
        }
    }

    // Sampling at a lower temperature costs nothing; where it does as much, the method has sharpened the policy and not improved it.
    private IEnumerable<Finding> Cooler()
    {
        if (results.Main(MethodRole.CoolSft) is not { Label: var cooler }) yield break;
        PairedDifference cool = comparison.Difference(cooler, sft!, Decoding.Sampled);
        string level = Numbers.Fraction(comparison.Estimate(cooler, a => a.Sampled).Mean);
        string gain = $"{cooler} reaches {level}, {Numbers.SignedFraction(cool.Estimate.Mean)} "
            + $"{Numbers.SignedRange(cool.Estimate.Interval)} against T = 1";
        (string Label, PairedDifference Difference)[] gainers =
        [
            .. Compared().Where(r => AgainstSft(r.Label, Decoding.Sampled) == Outcome.Better)
                .Select(r => (r.Label, comparison.Difference(r.Label, cooler, Decoding.Sampled))),
        ];
        if (gainers.Length == 0)
        {
            yield return new Finding(cool.Outcome, "No method samples clearly better than SFT, and SFT at T = 0.5 needs no training", gain);
            yield break;
        }

        foreach ((Outcome outcome, string claim) in new[]
        {
            (Outcome.Better, "Sampling better than SFT at T = 0.5, which needs no training"),
            (Outcome.Unclear, "Sampling better than SFT, but not clearly better than SFT at T = 0.5, which needs no training"),
            (Outcome.Worse, "Sampling better than SFT, but worse than SFT at T = 0.5, which needs no training"),
        })
        {
            string[] such = [.. gainers.Where(g => g.Difference.Outcome == outcome)
                .Select(g => $"{Short(g.Label)} ({Numbers.SignedFraction(g.Difference.Estimate.Mean)})")];
            if (such.Length > 0) yield return new Finding(outcome, claim, $"{string.Join("; ", such)}. {gain}");
        }
    }

    private IEnumerable<Finding> AtEqualKl()
    {
        if (results.Matched is not { Targets.Count: > 0 } matched) yield break;
        KlFamily? dense = matched.Families.FirstOrDefault(f => f.Role == MethodRole.Dpr && f.Reference == results.Regime.MainReference);
        KlFamily? sentence = matched.Families.FirstOrDefault(f =>
            f.Role == MethodRole.Sentence && f.Reference == results.Regime.MainReference);
        if (dense is null || sentence is null) yield break;
        var differences = matched.Targets.SelectMany(kl =>
            new[] { Decoding.Greedy, Decoding.Sampled }.Select(d =>
                (kl, Decoding: d, Difference: matched.Difference(dense, sentence, kl, d))))
            .Where(x => x.Difference.Estimate.Count > 0).ToArray();
        if (differences.Length == 0) yield break;
        bool better = differences.Any(x => x.Difference.Outcome == Outcome.Better),
            worse = differences.Any(x => x.Difference.Outcome == Outcome.Worse);
        bool measured = differences.Any(x => x.Difference.Outcome != Outcome.Unmeasured);
        string claim = (measured, better, worse) switch
        {
            (false, _, _) => "DPR minus the sentence-level reward at equal KL",
            (_, true, false) => "DPR beats the sentence-level reward at equal KL in some of the comparisons",
            (_, false, true) => "The sentence-level reward beats DPR at equal KL in some of the comparisons",
            (_, true, true) => "DPR and the sentence-level reward at equal KL: each is better somewhere",
            _ => "DPR and the sentence-level reward at equal KL: no clear difference",
        };
        string evidence = string.Join("; ", differences.GroupBy(x => x.kl).Select(at =>
        {
            IEnumerable<string> both = at.Select(x =>
                $"{Difference(x.Difference)} {(x.Decoding == Decoding.Greedy ? "greedy" : "sampled")}");
            return $"at {Numbers.Plain(at.Key)} nats {string.Join(", ", both)}";
        }));
        if (!measured) evidence += $"; no interval with {Comparison.SeedCount(matched.Seeds)} of the sweep";
        yield return new Finding((better, worse) switch
        {
            (true, false) => Outcome.Better,
            (false, true) => Outcome.Worse,
            _ =>
            measured ? Outcome.Unclear : Outcome.Unmeasured
        }, claim, evidence);
    }

    // The methods that learn from demonstrations alone, without the controls.
    private IEnumerable<ComparedMethod> Compared() => results.Compared.Where(r =>
        r.Role is not (MethodRole.Sft or MethodRole.CoolSft or MethodRole.Base or MethodRole.SeesJudge) && !IsContinued(r));

    private static bool IsContinued(ComparedMethod method) => method.Role is MethodRole.ContinuedSft or MethodRole.ContinuedOnLastPart;

    private Outcome AgainstSft(string label, Decoding decoding) => comparison.Difference(label, sft!, decoding).Outcome;

    private (Outcome Greedy, Outcome Sampled) Outcomes(string label) =>
        (AgainstSft(label, Decoding.Greedy), AgainstSft(label, Decoding.Sampled));

    private string Strongest(string[] rows)
    {
        string? best = rows.MaxBy(label =>
            Mean(label, Decoding.Greedy) + Mean(label, Decoding.Sampled) is var sum && double.IsNaN(sum) ? double.NegativeInfinity : sum);
        return best is null ? "no other was run" : $"the largest mean difference to SFT is that of {Described(best)}";
    }

    // The main reference goes without saying; an ensemble, whose first it is, is named whole.
    private string Short(string label)
    {
        string main = $", reference {results.Regime.MainReference}";
        int at = label.IndexOf(main, StringComparison.Ordinal), end = at + main.Length;
        return at < 0 || (end < label.Length && label[end] == '+') ? label : label.Remove(at, main.Length);
    }

    private Finding Found(Outcome outcome, string claim, string[] labels) =>
        new(outcome, claim, string.Join("; ", labels.Select(Described)));

    private string Described(string label) =>
        $"{Short(label)} ({Numbers.SignedFraction(Mean(label, Decoding.Greedy))} / "
            + $"{Numbers.SignedFraction(Mean(label, Decoding.Sampled))})";

    private double Mean(string label, Decoding decoding) => comparison.Difference(label, sft!, decoding).Estimate.Mean;

    private static string Difference(PairedDifference d) =>
        Numbers.SignedFraction(d.Estimate.Mean) + (d.Estimate.Interval.IsAvailable ? " " + Numbers.SignedRange(d.Estimate.Interval) : "");
}
