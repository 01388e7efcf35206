namespace MiniTransformer.Lab;

/// <summary>Which accuracy is meant.</summary>
public enum Decoding
{
    /// <summary>The most probable token at each position.</summary>
    Greedy,

    /// <summary>Tokens sampled from the policy.</summary>
    Sampled,
}

/// <summary>
/// Methods compared over seeds, by their labels: means with intervals, differences to each baseline taken seed by seed, and verdicts in
/// plain words. A method without some seeds is compared on those it shares with the baseline.
/// </summary>
public sealed class Comparison
{
    private readonly Dictionary<string, List<MethodResult>> byLabel = [];

    /// <summary>Compares the results with the baselines, most important first (SFT, then continued SFT).</summary>
    /// <exception cref="ArgumentException">No results, the same method and seed twice, or a baseline that is not among the
    /// methods.</exception>
    public Comparison(IReadOnlyList<MethodResult> results, params string[] baselines)
    {
        if (results.Count == 0)
        {
            throw new ArgumentException("Comparison: no results were given; at least one method in one seed is needed.");
        }
        foreach (MethodResult result in results)
        {
            if (!byLabel.TryGetValue(result.Label, out List<MethodResult>? seeds)) byLabel[result.Label] = seeds = [];
            if (seeds.Any(other => other.Seed == result.Seed))
            {
                throw new ArgumentException($"Comparison: method '{result.Label}' has two results for seed {result.Seed}; one is needed.");
            }

            seeds.Add(result);
        }

        Labels = results.Select(result => result.Label).Distinct().ToArray();
        foreach (string baseline in baselines)
        {
            if (!byLabel.ContainsKey(baseline))
            {
                throw new ArgumentException($"Comparison: the baseline '{baseline}' is not among the methods: "
                    + $"{string.Join(", ", Labels)}.");
            }
        }

        Baselines = baselines;
        Seeds = results.Select(result => result.Seed).Distinct().Count();
    }

    /// <summary>The methods' labels, in the order in which they first came.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The baselines.</summary>
    public IReadOnlyList<string> Baselines { get; }

    /// <summary>Number of different seeds.</summary>
    public int Seeds { get; }

    /// <summary>Mean and interval of a quantity over the seeds in which it was measured.</summary>
    public Estimate Estimate(string label, Func<MethodResult, double> quantity) =>
        Lab.Estimate.Of(byLabel[label].Select(quantity).Where(value => !double.IsNaN(value)).ToArray());

    /// <summary>method − baseline, over the seeds in which both were measured.</summary>
    public PairedDifference Difference(string label, string baseline, Decoding decoding)
    {
        var values = new List<double>();
        var others = new List<double>();
        foreach (MethodResult result in byLabel[label])
        {
            MethodResult? other = byLabel[baseline].Find(candidate => candidate.Seed == result.Seed);
            if (other is null || double.IsNaN(Accuracy(result, decoding)) || double.IsNaN(Accuracy(other, decoding))) continue;
            values.Add(Accuracy(result, decoding));
            others.Add(Accuracy(other, decoding));
        }

        return PairedDifference.Of(values, others);
    }

    /// <summary>Accuracy and behaviour of every method.</summary>
    public ReportTable AccuracyTable()
    {
        string[] headers = ["method", "greedy", "sampled", "KL to SFT", "Σ r̂", "entropy", "tokens", "ended"];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (string label in Labels)
        {
            rows.Add(
            [
                label,
                Level(Estimate(label, result => result.Greedy)),
                Level(Estimate(label, result => result.Sampled)),
                Numbers.Decimal(Estimate(label, result => result.Kl).Mean),
                Numbers.SignedDecimal(Estimate(label, result => result.Reward).Mean),
                Numbers.Decimal(Estimate(label, result => result.Entropy).Mean),
                Numbers.Decimal(Estimate(label, result => result.Length).Mean),
                Numbers.Fraction(Estimate(label, result => result.Ended).Mean),
            ]);
        }

        string spread = Seeds < Statistics.FewestForInterval
            ? $"No intervals with {SeedCount(Seeds)}."
            : $"± is half of Student's 95% interval over {Seeds} seeds.";
        return new ReportTable(
            "Accuracy on held-out prompts", headers, rows,
            $"Exact match, mean over seeds. {spread} KL and Σ r̂ in nats a response, entropy in nats a token.");
    }

    /// <summary>Paired differences of every other method to a baseline.</summary>
    public ReportTable DifferenceTable(string baseline)
    {
        string[] headers = [$"minus {baseline}", "greedy", "seeds better", "sampled", "seeds better"];
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (string label in Labels.Where(label => label != baseline))
        {
            PairedDifference greedy = Difference(label, baseline, Decoding.Greedy), sampled = Difference(label, baseline, Decoding.Sampled);
            rows.Add([label, Gain(greedy), Wins(greedy), Gain(sampled), Wins(sampled)]);
        }

        string note = Seeds < Statistics.FewestForInterval
            ? "Differences taken seed by seed."
            : "Differences taken seed by seed, with Student's 95% interval (with few seeds a percentile bootstrap would be too narrow). "
              + "Each interval stands for itself: of twenty true zeros about one is excluded by chance.";
        return new ReportTable($"Difference to {baseline}", headers, rows, note);
    }

    /// <summary>Greedy and sampled accuracy of every method in every task; null when there is no task.</summary>
    public ReportTable? TaskTable()
    {
        string[] tasks = byLabel.Values.SelectMany(seeds => seeds).SelectMany(result => result.Tasks.Keys).Distinct().ToArray();
        if (tasks.Length == 0) return null;
        var rows = new List<IReadOnlyList<ReportCell>>();
        foreach (string label in Labels)
        {
            var row = new List<ReportCell> { label };
            foreach (string task in tasks)
            {
                Estimate greedy = Estimate(label, result => result.Tasks.TryGetValue(task, out var both) ? both.Greedy : double.NaN);
                Estimate sampled = Estimate(label, result => result.Tasks.TryGetValue(task, out var both) ? both.Sampled : double.NaN);
                row.Add($"{Numbers.Fraction(greedy.Mean)} / {Numbers.Fraction(sampled.Mean)}");
            }

            rows.Add(row);
        }

        return new ReportTable("Accuracy per task", ["method", .. tasks], rows, "Greedy / sampled, mean over seeds.");
    }

    /// <summary>
    /// What the numbers say, one line for each method and baseline. Two baselines are compared once: the later one with the
    /// earlier.
    /// </summary>
    /// <param name="labels">The methods to speak about; all when null.</param>
    public IReadOnlyList<Verdict> Verdicts(IReadOnlyCollection<string>? labels = null)
    {
        var verdicts = new List<Verdict>();
        foreach (string label in Labels.Where(label => labels is null || labels.Contains(label)))
        {
            int rank = Baselines.ToList().IndexOf(label);
            foreach (string baseline in rank < 0 ? Baselines : Baselines.Take(rank))
            {
                verdicts.Add(Verdict.Of(
                    label, baseline, Difference(label, baseline, Decoding.Greedy), Difference(label, baseline, Decoding.Sampled)));
            }
        }

        return verdicts;
    }

    /// <summary>"1 seed", "5 seeds".</summary>
    public static string SeedCount(int count) => count == 1 ? "1 seed" : $"{count} seeds";

    private static double Accuracy(MethodResult result, Decoding decoding) =>
        decoding == Decoding.Greedy ? result.Greedy : result.Sampled;

    internal static ReportCell Level(Estimate estimate) => estimate.Count == 0
        ? Numbers.None
        : new ReportCell(
            Numbers.Fraction(estimate.Mean) + (estimate.Interval.IsAvailable ? $" ± {Numbers.Fraction(estimate.Interval.HalfWidth)}" : ""),
            Spread(estimate, Numbers.Range));

    internal static ReportCell Gain(PairedDifference difference)
    {
        Estimate estimate = difference.Estimate;
        return estimate.Count == 0
            ? Numbers.None
            : new ReportCell(
                Numbers.SignedFraction(estimate.Mean) + (estimate.Interval.IsAvailable ? $" {Numbers.SignedRange(estimate.Interval)}" : ""),
                Spread(estimate, Numbers.SignedRange), difference.Outcome);
    }

    private static string? Spread(Estimate estimate, Func<Interval, string> range) => estimate.Bootstrap.IsAvailable
        ? $"standard deviation {Numbers.Fraction(estimate.StandardDeviation)}; percentile bootstrap {range(estimate.Bootstrap)}"
        : null;

    internal static ReportCell Wins(PairedDifference difference) =>
        difference.Estimate.Count == 0 ? Numbers.None : $"{difference.Wins} of {difference.Estimate.Count}";
}
