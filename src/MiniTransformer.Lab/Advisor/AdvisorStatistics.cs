namespace MiniTransformer.Lab;

/// <summary>How good the advisor's advice is, over regimes and seeds.</summary>
/// <param name="Cases">Pairs of regime and seed.</param>
/// <param name="Signs">Whether the sign of DPR's gain was predicted, over all references of all cases.</param>
/// <param name="LargeSigns">The same where the gain is more than <see cref="LargeEffect"/> either way.</param>
/// <param name="Correlation">Pearson's r of predicted and reached gains of references; NaN where one of the two does not vary.</param>
/// <param name="Gain">Mean gain over SFT of what the rule chooses: DPR with a reference, continued SFT, or 0 for stopping.</param>
/// <param name="BestGain">Mean gain of the choice that turned out best.</param>
/// <param name="Fixed">For each reference: always running DPR with it, without advice.</param>
public sealed record AdvisorStatistics(
    int Cases, HitRate Signs, HitRate LargeSigns, double Correlation, double Gain, double BestGain, IReadOnlyList<FixedChoice> Fixed)
{
    /// <summary>An effect that counts as large.</summary>
    public const double LargeEffect = .03;

    /// <summary>What following the rule costs: the best choice's mean gain minus the rule's.</summary>
    public double Regret => BestGain - Gain;

    /// <summary>Computes them.</summary>
    /// <param name="records">One record a regime and seed.</param>
    /// <param name="threshold">The rule's threshold.</param>
    /// <exception cref="ArgumentException">There is no record, or a regime and seed stand twice.</exception>
    public static AdvisorStatistics Of(IReadOnlyList<AdvisorRecord> records, double threshold = .01)
    {
        if (records.Count == 0)
        {
            throw new ArgumentException("AdvisorStatistics: there is no record; at least one regime and seed is needed.");
        }
        if (records.GroupBy(r => (r.Regime, r.Seed)).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"AdvisorStatistics: regime '{twice.Key.Regime}' with seed {twice.Key.Seed} came twice; one record "
                + "is needed.");
        AdvisedGain[] pairs = [.. records.SelectMany(r => r.References)];
        string[] names = [.. pairs.Select(p => p.Name).Distinct()];
        return new AdvisorStatistics(
            records.Count, HitRate.Of(pairs), HitRate.Of([.. pairs.Where(p => Math.Abs(p.Realised) > LargeEffect)]),
            Pearson([.. pairs.Select(p => p.Predicted)], [.. pairs.Select(p => p.Realised)]),
            records.Average(r => Chosen(r, threshold)), records.Average(Best), [.. names.Select(name => FixedChoice.Of(name, records))]);
    }

    /// <summary>The gain that following the rule reaches in one case.</summary>
    public static double Chosen(AdvisorRecord record, double threshold = .01)
    {
        (AdviceAction action, string? reference, _) = Advice.Decide([.. record.References.Select(r => (r.Name, r.Predicted))],
            record.Continued?.Predicted, threshold);
        return action switch
        {
            AdviceAction.RunDpr => record.References.First(r => r.Name == reference).Realised,
            AdviceAction.ContinueSft => record.Continued!.Realised,
            _ => 0,
        };
    }

    /// <summary>The gain of the best choice in one case; at least 0, that of stopping.</summary>
    public static double Best(AdvisorRecord record) =>
        record.References.Select(r => r.Realised).Append(record.Continued?.Realised ?? 0).Append(0).Max();

    // r = Σ (xᵢ − x̄)(yᵢ − ȳ) / √(Σ (xᵢ − x̄)² · Σ (yᵢ − ȳ)²)
    private static double Pearson(double[] x, double[] y)
    {
        double mx = Statistics.Mean(x), my = Statistics.Mean(y), xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < x.Length; i++)
        {
            xy += (x[i] - mx) * (y[i] - my);
            xx += (x[i] - mx) * (x[i] - mx);
            yy += (y[i] - my) * (y[i] - my);
        }

        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : double.NaN;
    }
}

/// <summary>How often the sign of a gain was predicted.</summary>
/// <param name="Hits">Pairs whose predicted and reached gain have the same sign.</param>
/// <param name="Count">Pairs with a reached gain that is not 0; where it is 0 there is no sign to predict. A predicted 0 is no hit.</param>
public sealed record HitRate(int Hits, int Count)
{
    /// <summary>The fraction; NaN of nothing.</summary>
    public double Rate => Hits / (double)Count;

    internal static HitRate Of(IReadOnlyList<AdvisedGain> pairs) =>
        new(pairs.Count(p => p.Realised != 0 && Math.Sign(p.Predicted) == Math.Sign(p.Realised)), pairs.Count(p => p.Realised != 0));
}

/// <summary>Always running DPR with one reference, without advice.</summary>
/// <param name="Reference">The reference.</param>
/// <param name="Cases">Cases in which it is there.</param>
/// <param name="Gain">Its mean gain over SFT in these.</param>
/// <param name="Regret">The best choice's mean gain in these minus its own.</param>
public sealed record FixedChoice(string Reference, int Cases, double Gain, double Regret)
{
    internal static FixedChoice Of(string reference, IReadOnlyList<AdvisorRecord> records)
    {
        (double Gain, double Best)[] cases =
            [.. from r in records from g in r.References where g.Name == reference select (g.Realised, AdvisorStatistics.Best(r))];
        double gain = cases.Average(c => c.Gain);
        return new FixedChoice(reference, cases.Length, gain, cases.Average(c => c.Best) - gain);
    }
}
