
namespace MiniTransformer.Lab;

/// <summary>The tables of one regime.</summary>
public static class RegimeTables
{
    /// <summary>Accuracy and behaviour of every row.</summary>
    public static ReportTable Accuracy(RegimeResults results)
    {
        bool gaps = results.Rows.Any(r => r.Cells.Count < results.Comparison.Seeds || r.Collapsed > 0);
        string[] headers = ["method", "reference", "setting", "greedy", "sampled", "KL to SFT", "Σ r̂", "entropy", "tokens", "ended", .. gaps ? ["seeds"] : Array.Empty<string>()];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (MethodRow row in results.Rows)
        {
            Estimate Of(Func<ArmResult, double> quantity) => results.Comparison.Estimate(row.Label, quantity);
            rows.Add(
            [
                row.Method, row.Reference ?? Numbers.None, row.Setting,
                Comparison.Level(Of(a => a.GreedyAccuracy)), Comparison.Level(Of(a => a.SampledAccuracy)),
                Behaviour(Of(a => a.Kl), Numbers.Decimal), Behaviour(Of(a => a.Reward), Numbers.SignedDecimal), Behaviour(Of(a => a.Entropy), Numbers.Decimal),
                Behaviour(Of(a => a.Length), Numbers.Decimal), Behaviour(Of(a => a.EndedFraction), Numbers.Fraction),
                .. gaps ? [$"{row.Cells.Count - row.Collapsed} of {results.Comparison.Seeds}"] : Array.Empty<ReportCell>(),
            ]);
        }

        string spread = results.Comparison.Seeds < Statistics.FewestForInterval
            ? $"No intervals with {Comparison.SeedCount(results.Comparison.Seeds)}."
            : $"± is half of Student's 95% interval over {results.Comparison.Seeds} seeds.";
        string collapsed = results.Rows.Any(r => r.Collapsed > 0) ? " Seeds whose policy collapsed have no numbers and are left out of a row's means: such a row looks better than it is." : "";
        return new ReportTable(
            $"{results.Regime.Name}: accuracy on held-out prompts", headers, rows,
            $"{char.ToUpperInvariant(results.Regime.Measured[0])}{results.Regime.Measured[1..]}, mean over seeds. {spread} Σ r̂ is relative to {ReferenceName(results.Regime)}; KL and Σ r̂ in nats a response, entropy in nats a token.{collapsed}"
            + NotJudged("nothing could be read in them, such as a number", c => c.Unread) + NotJudged("the judge failed on them", c => c.JudgeFailed));

        string NotJudged(string why, Func<CellResult, int?> count)
        {
            (string Label, int Count)[] rows = [.. results.Rows.Select(r => (r.Label, r.Cells.Sum(count) ?? 0)).Where(r => r.Item2 > 0)];
            return rows.Length == 0 ? "" : $" Wrong because {why}, greedy and sampled of all seeds: {rows.Sum(r => r.Count)} in total ({string.Join(", ", rows.Select(r => $"{r.Label} {r.Count}"))}).";
        }
    }

    /// <summary>The percentile bootstrap's intervals of the accuracies, which stand in HTML as a hint only; null for too few seeds.</summary>
    public static ReportTable? Bootstrap(RegimeResults results)
    {
        if (results.Comparison.Seeds < Statistics.FewestForInterval) return null;
        ReportCell Cell(string arm, Func<ArmResult, double> quantity) =>
            results.Comparison.Estimate(arm, quantity) is { Count: > 0 } e ? $"{Numbers.Fraction(e.Mean)} {Numbers.Range(e.Bootstrap)}" : Numbers.None;
        return new ReportTable(
            $"{results.Regime.Name}: percentile bootstrap intervals", ["method", "greedy", "sampled"],
            [.. results.Rows.Select(r => (IReadOnlyList<ReportCell>)[r.Label, Cell(r.Label, a => a.GreedyAccuracy), Cell(r.Label, a => a.SampledAccuracy)])],
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
            ["method", "setting", "", "choice score", "validation greedy", "validation sampled", "greedy", "sampled", "greedy, chosen − default", "sampled, chosen − default"],
            rows,
            $"The choice score, (greedy + sampled)/2 on validation prompts, is of the sweep's own {Comparison.SeedCount(results.SweepSeeds)}; the best one was chosen. "
            + "The other columns are of the evaluation seeds, on validation and on evaluation prompts.");
    }

    /// <summary>All cells of the sweep's seeds; null without sweeps.</summary>
    public static ReportTable? SweepTable(RegimeResults results)
    {
        if (results.SweepCells.Count == 0) return null;
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (IGrouping<string, CellResult> group in results.SweepCells.GroupBy(c => c.Label))
        {
            Estimate Of(Func<CellResult, double> quantity) => Estimate.Of([.. group.Where(c => c.Failure is null).Select(quantity).Where(double.IsFinite)]);
            int collapsed = group.Count(c => c.Failure is not null);
            rows.Add(
            [
                group.Key, Numbers.Fraction(group.Average(Selection.Score)), Comparison.Level(Of(c => c.Greedy)), Comparison.Level(Of(c => c.Sampled)), Numbers.Decimal(Of(c => c.Kl).Mean),
                collapsed == 0 ? Numbers.None : $"{collapsed} of {group.Count()}",
            ]);
        }

        return new ReportTable(
            $"{results.Regime.Name}: all settings of the sweeps", ["method and setting", "choice score", "greedy", "sampled", "KL to SFT", "collapsed"], rows,
            $"Over the sweep's {Comparison.SeedCount(results.SweepSeeds)}, which no other table uses. The choice score is on validation prompts, the accuracies are on evaluation prompts.");
    }

    /// <summary>What a regime's main reference is, in words.</summary>
    public static string ReferenceName(Regime regime) => regime.HasBase ? "the base" : $"the checkpoint after {regime.MainReference} of SFT";

    private static IReadOnlyList<ReportCell> SettingRow(RegimeResults results, ChosenSetting setting, MethodRow row, double value, string which)
    {
        Estimate Of(Func<CellResult, double> quantity) => Estimate.Of([.. row.Cells.Select(quantity).Where(double.IsFinite)]);
        double[] scores = [.. results.SweepCells.Where(c => c.Method == row.Method && c.Reference == row.Reference && c.Knob == setting.Knob && c.Value == value).Select(Selection.Score)];
        bool chosen = row != setting.Default;
        ReportCell Gain(Decoding decoding) => chosen ? Comparison.Gain(results.Comparison.Difference(row.Label, setting.Default.Label, decoding)) : Numbers.None;
        return
        [
            setting.Default.Label, $"{setting.Knob} = {Numbers.Plain(value)}", which, Numbers.Fraction(Statistics.Mean(scores)),
            Comparison.Level(Of(c => c.ValidationGreedy)), Comparison.Level(Of(c => c.ValidationSampled)), Comparison.Level(Of(c => c.Greedy)), Comparison.Level(Of(c => c.Sampled)),
            Gain(Decoding.Greedy), Gain(Decoding.Sampled),
        ];
    }

    private static ReportCell Behaviour(Estimate estimate, Func<double, string> format) => estimate.Count == 0
        ? Numbers.None
        : new ReportCell(format(estimate.Mean), estimate.Interval.IsAvailable ? $"95% interval {format(estimate.Interval.Low)} to {format(estimate.Interval.High)}" : null);
}
