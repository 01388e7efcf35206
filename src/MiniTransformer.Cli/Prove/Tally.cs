namespace MiniTransformer.Cli.Prove;

/// <summary>The errors of one statement over its cases, and those of the false statements beside it.</summary>
internal sealed class Tally(string number, string statement)
{
    /// <summary>
    /// 1e−4, relative: float32 rounds by 6e−8, and a value or gradient passes some hundred operations on its way through a transformer,
    /// many of them sums. Observed are errors below 1e−5.
    /// </summary>
    public const double FloatTolerance = 1e-4;

    private readonly Dictionary<string, List<double>> controls = [];
    private double largest;
    private int cases;

    /// <summary>The largest error allowed.</summary>
    public double Tolerance { get; init; } = FloatTolerance;

    /// <summary>A false statement that is wrong by more than this has failed.</summary>
    public double Failure { get; init; } = 10 * FloatTolerance;

    /// <summary>One more case.</summary>
    /// <param name="error">The error of the statement.</param>
    /// <param name="falseStatements">False statements and their errors; null where the case makes one true.</param>
    public void Add(double error, params ReadOnlySpan<(string Statement, double? Error)> falseStatements)
    {
        cases++;
        largest = Math.Max(largest, error); // NaN stays NaN
        foreach ((string name, double? controlError) in falseStatements)
        {
            if (!controls.TryGetValue(name, out List<double>? errors)) controls.Add(name, errors = []);
            if (controlError is double e) errors.Add(e);
        }
    }

    /// <summary>The row of all cases.</summary>
    public ProofRow Row()
    {
        double[] medians = [.. controls.Values.Where(errors => errors.Count > 0)
            .Select(errors => errors.Order().ElementAt(errors.Count / 2))];
        return new ProofRow(
            number, statement, string.Join("; ", controls.Keys), cases, largest, Tolerance, medians.Length == 0 ? 0 : medians.Min(),
            Failure);
    }
}
