namespace MiniTransformer.Lab;

/// <summary>A mean over seeds with its spread.</summary>
/// <param name="Count">Seeds.</param>
/// <param name="Mean">The mean; NaN of nothing.</param>
/// <param name="StandardDeviation">The sample standard deviation; NaN for fewer than two seeds.</param>
/// <param name="Interval">Student's 95% interval of the mean, the one that is printed; unavailable for fewer than three seeds.</param>
public sealed record Estimate(int Count, double Mean, double StandardDeviation, Interval Interval)
{
    // Resampling takes a millisecond, and most estimates are never asked for it.
    private readonly Lazy<Interval> bootstrap = new(Interval.Unavailable);

    private Estimate(IReadOnlyList<double> values)
        : this(values.Count, Statistics.Mean(values), Statistics.StandardDeviation(values), Statistics.StudentInterval(values)) =>
        bootstrap = new Lazy<Interval>(() => Statistics.BootstrapInterval(values));

    /// <summary>The percentile bootstrap's 95% interval, too narrow for few seeds (see <see cref="Statistics"/>).</summary>
    public Interval Bootstrap => bootstrap.Value;

    /// <summary>Estimates the mean of the values, one a seed.</summary>
    public static Estimate Of(IReadOnlyList<double> values) => new([.. values]);
}

/// <summary>How one method differs from another: better, worse, or not to be told apart.</summary>
public enum Outcome
{
    /// <summary>Not measured, or too few seeds for an interval.</summary>
    Unmeasured,

    /// <summary>The interval of the paired difference lies above zero.</summary>
    Better,

    /// <summary>The interval of the paired difference lies below zero.</summary>
    Worse,

    /// <summary>The interval of the paired difference includes zero.</summary>
    Unclear,
}

/// <summary>The difference of two methods, taken seed by seed, so that what a seed gives to both cancels.</summary>
/// <param name="Estimate">Mean and intervals of the differences.</param>
/// <param name="Wins">Seeds in which the difference is above zero.</param>
/// <param name="Ties">Seeds in which it is exactly zero.</param>
public sealed record PairedDifference(Estimate Estimate, int Wins, int Ties)
{
    /// <summary>What the interval says.</summary>
    public Outcome Outcome => !Estimate.Interval.IsAvailable ? Outcome.Unmeasured
        : Estimate.Interval.Low > 0 ? Outcome.Better
        : Estimate.Interval.High < 0 ? Outcome.Worse
        : Outcome.Unclear;

    /// <summary>The difference valuesᵢ − baselineᵢ, one pair a seed.</summary>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static PairedDifference Of(IReadOnlyList<double> values, IReadOnlyList<double> baseline)
    {
        if (values.Count != baseline.Count)
        {
            throw new ArgumentException(
                $"PairedDifference: {values.Count} values and {baseline.Count} of the baseline; a pair is needed for each seed.");
        }

        double[] differences = new double[values.Count];
        for (int i = 0; i < differences.Length; i++) differences[i] = values[i] - baseline[i];
        return new PairedDifference(Estimate.Of(differences), differences.Count(d => d > 0), differences.Count(d => d == 0));
    }
}
