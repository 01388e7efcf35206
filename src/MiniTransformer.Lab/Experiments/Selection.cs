namespace MiniTransformer.Lab;

/// <summary>
/// The choice of a method's setting: the one with the best validation accuracy, (greedy + sampled)/2, on average over the sweep's seeds.
/// Neither evaluation prompts nor evaluation seeds enter it.
/// </summary>
public static class Selection
{
    /// <summary>The best value of a method's knob in one regime, or null if the sweep has no result of it.</summary>
    /// <param name="results">Results; only those of the sweep, and of the regime, method, reference and knob count.</param>
    /// <param name="regime">The regime.</param>
    /// <param name="method">A method at any value of the knob.</param>
    public static double? Best(IEnumerable<MethodResult> results, string regime, Method method)
    {
        ILookup<double, double> byValue = results
            .Where(c => c.Sweep && c.Regime == regime && c.Method == method.Name && c.Reference == method.Reference
                && c.Knob == method.Knob && c.Value is not null)
            .ToLookup(c => c.Value!.Value, Score);
        return byValue.Count == 0 ? null : byValue.OrderByDescending(v => v.Average()).ThenBy(v => v.Key).First().Key;
    }

    /// <summary>The number by which settings are chosen; a policy that collapsed is worth nothing.</summary>
    public static double Score(MethodResult result) =>
        result.Failure is null ? (result.ValidationGreedy + result.ValidationSampled) / 2 : 0;
}
