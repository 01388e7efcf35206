namespace MiniTransformer.Theory;

/// <summary>One identity on one draw.</summary>
/// <param name="Error">The largest error of the true statement; NaN counts as failure.</param>
/// <param name="ControlError">The error of the nearest false statement, on the same scale; null if the shape of the draw makes it true
/// (no discount, no second step).</param>
public readonly record struct IdentityResult(double Error, double? ControlError);

/// <summary>One identity on many draws.</summary>
/// <param name="Identity">What was checked.</param>
/// <param name="Cases">The number of draws.</param>
/// <param name="LargestError">The largest error over the draws.</param>
/// <param name="ControlCases">The draws on which the false statement could be told from the true one.</param>
/// <param name="ControlError">The median error of the false statement over these draws.</param>
public sealed record IdentityReport(Identity Identity, int Cases, double LargestError, int ControlCases, double ControlError)
{
    /// <summary>True if the statement held on every draw, and its nearest false neighbour failed on at least half where it could.</summary>
    public bool Holds => LargestError <= Identity.Tolerance && ControlError > Identity.Failure;
}

/// <summary>A statement of the theory that can be run, together with the nearest false statement, which has to fail.</summary>
/// <param name="Number">P1 … P11, with a letter where a property has several parts.</param>
/// <param name="Statement">The statement in symbols.</param>
/// <param name="NearestFalse">The nearest false statement: the negative control.</param>
/// <param name="Source">Where the statement comes from.</param>
/// <param name="Evaluate">The errors on one draw.</param>
public sealed record Identity(string Number, string Statement, string NearestFalse, string Source, Func<MdpDraw, IdentityResult> Evaluate)
{
    /// <summary>
    /// A false statement that is wrong by more than this has failed: a thousand times the tolerance. (Not more, since a false statement
    /// about a policy that is nearly deterministic is nearly true, and its error is relative to large terms like that of the true one.)
    /// </summary>
    public const double Failure = 1e-6;

    /// <summary>
    /// 1e−9, relative to max(1, size of the terms). Double arithmetic rounds each term by 1e−16 of its size and a sum has at most some
    /// hundred terms; with logits of ±700 large terms cancel, hence relative to the terms and not to their sum. Logits of order 1 are the
    /// common case.
    /// </summary>
    public double Tolerance => 1e-9;

    /// <summary>Runs the identity on freshly drawn MDPs.</summary>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public IdentityReport Check(int cases, int seed, CancellationToken stop = default)
    {
        var random = new Random(seed);
        double largest = 0;
        var controls = new List<double>();
        for (int i = 0; i < cases; i++)
        {
            stop.ThrowIfCancellationRequested();
            IdentityResult result = Evaluate(MdpDraw.Random(random));
            largest = Math.Max(largest, result.Error); // NaN stays NaN, and NaN <= tolerance is false
            if (result.ControlError is double control) controls.Add(control);
        }

        controls.Sort();
        double median = controls.Count == 0 ? 0 : controls[controls.Count / 2];
        return new IdentityReport(this, cases, largest, controls.Count, median);
    }

    /// <summary>|x − y| / max(1, scale); 0 for two equal infinities.</summary>
    internal static double Error(double x, double y, double scale = 1) => x == y ? 0 : Math.Abs(x - y) / Math.Max(1, scale);

    /// <summary>The largest error over the entries of two tables; 0 for empty ones.</summary>
    internal static double Error(double[][] x, double[][] y, double scale = 1)
    {
        double largest = 0;
        for (int s = 0; s < x.Length; s++)
            for (int a = 0; a < x[s].Length; a++) largest = Math.Max(largest, Error(x[s][a], y[s][a], scale));
        return largest;
    }

    /// <summary>By how much left ≤ right is violated, relative to max(1, scale).</summary>
    internal static double Excess(double left, double right, double scale) => left <= right ? 0 : (left - right) / Math.Max(1, scale);

    /// <summary>With one token, or none, there is only one policy, and much that is false in general is true.</summary>
    internal static bool HasOnePolicy(MdpDraw draw) => draw.Mdp.Vocabulary == 1 || draw.Mdp.Horizon == 0;

    /// <summary>The largest finite |entry| of a table: the size of the terms in a sum over it.</summary>
    internal static double Size(double[][] table) =>
        table.SelectMany(row => row).Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
}
