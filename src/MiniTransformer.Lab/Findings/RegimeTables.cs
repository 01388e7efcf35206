namespace MiniTransformer.Lab;

/// <summary>The tables of one regime.</summary>
public static class RegimeTables
{
    /// <summary>Accuracy and behaviour of every method.</summary>
    public static ReportTable Accuracy(RegimeResults results)
    {
        bool gaps = results.Compared.Any(r => r.Results.Count < results.Comparison.Seeds || r.Collapsed > 0);
        string[] headers = ["method", "reference", "setting", "greedy", "sampled", "KL to SFT", "Σ r̂", "entropy", "tokens", "ended",
            .. gaps ? ["seeds"] : Array.Empty<string>()];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (ComparedMethod method in results.Compared)
        {
            Estimate Of(Func<MethodResult, double> quantity) => results.Comparison.Estimate(method.Label, quantity);
            rows.Add(
            [
                method.Method, method.Reference ?? Numbers.None, method.Setting,
                Comparison.Level(Of(a => a.Greedy)), Comparison.Level(Of(a => a.Sampled)),
                Behaviour(Of(a => a.Kl), Numbers.Decimal), Behaviour(Of(a => a.Reward), Numbers.SignedDecimal),
                Behaviour(Of(a => a.Entropy), Numbers.Decimal),
                Behaviour(Of(a => a.Length), Numbers.Decimal), Behaviour(Of(a => a.Ended), Numbers.Fraction),
                .. gaps ? [$"{method.Results.Count - method.Collapsed} of {results.Comparison.Seeds}"] : Array.Empty<ReportCell>(),
            ]);
        }

        string spread = results.Comparison.Seeds < Statistics.FewestForInterval
            ? $"No intervals with {Comparison.SeedCount(results.Comparison.Seeds)}."
            : $"± is half of Student's 95% interval over {results.Comparison.Seeds} seeds.";
        string collapsed = results.Compared.Any(r => r.Collapsed > 0)
            ? " Seeds whose policy collapsed have no numbers and are left out of a row's means: such a row looks better than it is."
            : "";
        return new ReportTable(
            $"{results.Regime.Name}: accuracy on held-out prompts", headers, rows,
            $"{char.ToUpperInvariant(results.Regime.Measured[0])}{results.Regime.Measured[1..]}, mean over seeds. {spread} Σ r̂ is "
                + $"relative to {ReferenceName(results.Regime)}; KL and Σ r̂ in nats a response, entropy in nats a token.{collapsed}"
            + NotJudged("nothing could be read in them, such as a number", c => c.Unread)
            + NotJudged("the judge failed on them", c => c.JudgeFailed));

        string NotJudged(string why, Func<MethodResult, int?> count)
        {
            (string Label, int Count)[] rows = [.. results.Compared.Select(r => (r.Label, r.Results.Sum(count) ?? 0))
                .Where(r => r.Item2 > 0)];
            return rows.Length == 0
                ? ""
                : $" Wrong because {why}, greedy and sampled of all seeds: {rows.Sum(r => r.Count)} in total "
                    + $"({string.Join(", ", rows.Select(r => $"{r.Label} {r.Count}"))}).";
        }
    }

    /// <summary>
    /// The percentile bootstrap's intervals of the accuracies, which stand in HTML as a hint only; null for too few seeds.
    /// </summary>
    public static ReportTable? Bootstrap(RegimeResults results)
    {
        if (results.Comparison.Seeds < Statistics.FewestForInterval) return null;
        ReportCell Cell(string label, Func<MethodResult, double> quantity) =>
            results.Comparison.Estimate(label, quantity) is { Count: > 0 } e
                ? $"{Numbers.Fraction(e.Mean)} {Numbers.Range(e.Bootstrap)}"
                : Numbers.None;
        return new ReportTable(
            $"{results.Regime.Name}: percentile bootstrap intervals", ["method", "greedy", "sampled"],
            [.. results.Compared.Select(r =>
                (IReadOnlyList<ReportCell>)[r.Label, Cell(r.Label, a => a.Greedy), Cell(r.Label, a => a.Sampled)])],
            "95% intervals of the mean over seeds. With few seeds they are too narrow: Student's are the ones to go by.");
    }

    /// <summary>Validation and evaluation side by side for every method whose setting was chosen; null where none was.</summary>
    public static ReportTable? Settings(RegimeResults results)
    {
        if (results.Settings.Count == 0) return null;
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (ChosenSetting setting in results.Settings)
        {
            bool moved = setting.Chosen != setting.Default;
            rows.Add(SettingRow(results, setting, setting.Default, setting.DefaultValue, moved ? "default" : "default and chosen"));
            if (moved) rows.Add(SettingRow(results, setting, setting.Chosen, setting.ChosenValue, "chosen"));
        }

        return new ReportTable(
            $"{results.Regime.Name}: settings chosen on validation",
            ["method", "setting", "", "choice score", "validation greedy", "validation sampled", "greedy", "sampled",
                "greedy, chosen − default", "sampled, chosen − default"],
            rows,
            "The choice score, (greedy + sampled)/2 on validation prompts, is of the sweep's own "
                + $"{Comparison.SeedCount(results.SweepSeeds)}; the best one was chosen. "
            + "The other columns are of the evaluation seeds, on validation and on evaluation prompts.");
    }

    /// <summary>All results of the sweep's seeds; null without sweeps.</summary>
    public static ReportTable? SweepTable(RegimeResults results)
    {
        if (results.SweepResults.Count == 0) return null;
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (IGrouping<string, MethodResult> group in results.SweepResults.GroupBy(c => c.Label))
        {
            Estimate Of(Func<MethodResult, double> quantity) =>
                Estimate.Of([.. group.Where(c => c.Failure is null).Select(quantity).Where(double.IsFinite)]);
            int collapsed = group.Count(c => c.Failure is not null);
            rows.Add(
            [
                group.Key, Numbers.Fraction(group.Average(Selection.Score)), Comparison.Level(Of(c => c.Greedy)),
                Comparison.Level(Of(c => c.Sampled)), Numbers.Decimal(Of(c => c.Kl).Mean),
                collapsed == 0 ? Numbers.None : $"{collapsed} of {group.Count()}",
            ]);
        }

        return new ReportTable(
            $"{results.Regime.Name}: all settings of the sweeps",
            ["method and setting", "choice score", "greedy", "sampled", "KL to SFT", "collapsed"], rows,
            $"Over the sweep's {Comparison.SeedCount(results.SweepSeeds)}, which no other table uses. The choice score is on validation "
                + "prompts, the accuracies are on evaluation prompts.");
    }

    /// <summary>What a regime's main reference is, in words.</summary>
    public static string ReferenceName(Regime regime) =>
        regime.HasBase ? "the base" : $"the checkpoint after {regime.MainReference} of SFT";

    private static IReadOnlyList<ReportCell> SettingRow(RegimeResults results, ChosenSetting setting, ComparedMethod method, double value,
        string which)
    {
        Estimate Of(Func<MethodResult, double> quantity) => Estimate.Of([.. method.Results.Select(quantity).Where(double.IsFinite)]);
        double[] scores = [.. results.SweepResults.Where(c =>
            c.Method == method.Method && c.Reference == method.Reference && c.Knob == setting.Knob && c.Value == value)
                .Select(Selection.Score)];
        bool chosen = method != setting.Default;
        ReportCell Gain(Decoding decoding) =>
            chosen ? Comparison.Gain(results.Comparison.Difference(method.Label, setting.Default.Label, decoding)) : Numbers.None;
        return
        [
            setting.Default.Label, $"{setting.Knob} = {Numbers.Plain(value)}", which, Numbers.Fraction(Statistics.Mean(scores)),
            Comparison.Level(Of(c => c.ValidationGreedy)), Comparison.Level(Of(c => c.ValidationSampled)),
            Comparison.Level(Of(c => c.Greedy)), Comparison.Level(Of(c => c.Sampled)),
            Gain(Decoding.Greedy), Gain(Decoding.Sampled),
        ];
    }

    private static ReportCell Behaviour(Estimate estimate, Func<double, string> format) => estimate.Count == 0
        ? Numbers.None
        : new ReportCell(format(estimate.Mean), estimate.Interval.IsAvailable ? $"95% interval {format(estimate.Interval.Low)} to "
            + $"{format(estimate.Interval.High)}" : null);
}
