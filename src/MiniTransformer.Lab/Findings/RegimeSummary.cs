namespace MiniTransformer.Lab;

/// <summary>All methods in all regimes in one table: the difference to SFT, greedy and sampled.</summary>
public static class RegimeSummary
{
    private const string Main = "main reference";

    /// <summary>Rows are methods, columns regimes.</summary>
    public static ReportTable Table(IReadOnlyList<RegimeResults> regimes)
    {
        string[] keys =
            [.. Merge([.. regimes.Select(r =>
                r.Compared.Where(m => m.Role != MethodRole.Sft).Select(method => Key(method, r.Regime)).ToArray())])];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (string key in keys)
        {
            ReportCell[] cells = [.. regimes.Select(regime => Cell(regime, key))];
            rows.Add([key, .. cells, $"{cells.Count(c => c.Outcome == Outcome.Better)}",
                $"{cells.Count(c => c.Outcome == Outcome.Worse)}"]);
        }

        return new ReportTable(
            "Difference to SFT in every regime, greedy / sampled",
            ["method", .. regimes.Select(r => r.Regime.Name), "better in", "worse in"], rows,
            "Paired differences, mean over seeds; * marks one whose 95% interval excludes zero. A cell counts as better or worse if one of "
                + "its numbers is marked and none is marked the other way. "
            + "The main reference is the base, or the checkpoint after 10% of SFT where there is no base. 'Chosen' is the setting that the "
            + "sweep's seeds chose on validation "
            + "prompts; where they chose the default its numbers are repeated.");
    }

    /// <summary>The difference to SFT as a cell: both decodings, starred where the interval excludes zero.</summary>
    public static ReportCell Cell(RegimeResults regime, string key)
    {
        if (Find(regime, key) is not { } method || regime.Main(MethodRole.Sft) is not { Label: var sft }) return Numbers.None;
        PairedDifference greedy = regime.Comparison.Difference(method.Label, sft, Decoding.Greedy);
        PairedDifference sampled = regime.Comparison.Difference(method.Label, sft, Decoding.Sampled);
        if (greedy.Estimate.Count == 0 && sampled.Estimate.Count == 0) return method.Collapsed > 0 ? "collapsed" : Numbers.None;
        string hint = $"{method.Label} ({method.Setting}): greedy {Numbers.SignedRange(greedy.Estimate.Interval)}, sampled "
            + $"{Numbers.SignedRange(sampled.Estimate.Interval)}"
            + (method.Collapsed > 0 ? $"; collapsed in {method.Collapsed} of {method.Results.Count} seeds" : "");
        return new ReportCell($"{Text(greedy)} / {Text(sampled)}", hint, Combined(greedy.Outcome, sampled.Outcome));
    }

    /// <summary>One outcome of two: better or worse if one says so and the other does not say the opposite.</summary>
    public static Outcome Combined(Outcome greedy, Outcome sampled)
    {
        bool better = greedy == Outcome.Better || sampled == Outcome.Better, worse = greedy == Outcome.Worse || sampled == Outcome.Worse;
        return (better, worse) switch
        {
            (true, false) => Outcome.Better,
            (false, true) => Outcome.Worse,
            _ => greedy == Outcome.Unmeasured && sampled == Outcome.Unmeasured ? Outcome.Unmeasured : Outcome.Unclear,
        };
    }

    // The same method in different regimes: its main reference may be the base here and a checkpoint there, a chosen setting 3 here and 10
    // there.
    private static string Key(ComparedMethod method, Regime regime)
    {
        string reference = method.Reference switch
        {
            null => "",
            var several when several.Contains('+') => "", // an ensemble begins with the main reference
            var main when main == regime.MainReference => $", {Main}",
            var other => $", reference {other}",
        };
        return method.Method + reference + (method.Chosen ? $", {method.Knob} chosen" : "");
    }

    private static ComparedMethod? Find(RegimeResults regime, string key) =>
        regime.Compared.FirstOrDefault(method => Key(method, regime.Regime) == key)
        ?? regime.Settings.FirstOrDefault(s =>
            s.Chosen == s.Default && $"{Key(s.Default, regime.Regime)}, {s.Knob} chosen" == key)?.Default;

    private static string Text(PairedDifference difference) => difference.Estimate.Count == 0
        ? Numbers.None
        : Numbers.SignedFraction(difference.Estimate.Mean) + (difference.Outcome is Outcome.Better or Outcome.Worse ? "*" : "");

    // The union of the lists, each new entry after its predecessor in its own list.
    private static List<string> Merge(IReadOnlyList<string[]> lists)
    {
        var merged = new List<string>();
        foreach (string[] list in lists)
        {
            int after = -1;
            foreach (string key in list)
            {
                int at = merged.IndexOf(key);
                if (at < 0) merged.Insert(at = after + 1, key);
                after = Math.Max(after, at);
            }
        }

        return merged;
    }
}
