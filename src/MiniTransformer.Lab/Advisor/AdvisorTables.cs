namespace MiniTransformer.Lab;

/// <summary>The advisor's forecasts beside what the methods then reached.</summary>
public static class AdvisorTables
{
    /// <summary>
    /// One record for each world that has an advice by accuracy, SFT's result, and DPR with at least one of the candidates at its default
    /// setting. Candidates that DPR was not run with are left out; a policy that collapsed reached an accuracy of 0.
    /// </summary>
    public static IReadOnlyList<AdvisorRecord> Records(IReadOnlyList<MethodResult> results, IReadOnlyList<WorldFacts> facts)
    {
        ILookup<(string, ulong), MethodResult> worlds = results.ToLookup(c => (c.Regime, c.Seed));
        var records = new List<AdvisorRecord>();
        foreach (WorldFacts world in facts.Where(f => f.Advice.ScoredBy == AdviceScore.Accuracy))
        {
            MethodResult[] own = [.. worlds[(world.Regime, world.Seed)]];
            if (own.FirstOrDefault(c => c.Role == MethodRole.Sft && c.Failure is null) is not { } sft) continue;
            AdvisedGain[] references =
            [
                .. from candidate in world.Advice.Candidates
                   let dpr = own.FirstOrDefault(c => c.Role == MethodRole.Dpr && c.Reference == candidate.Name && c.Knob is null)
                   where dpr is not null
                   select new AdvisedGain(candidate.Name, candidate.Gain, Reached(dpr) - sft.Greedy),
            ];
            if (references.Length == 0) continue;

            // On the sweep's seeds the default is the result at 1 × the learning rate.
            MethodResult? continued = own.FirstOrDefault(c => c.Role == MethodRole.ContinuedSft && c.Value is null or 1);
            AdvisedGain? further = continued is not null && world.Advice.Continued is { } advised
                ? new AdvisedGain(continued.Method, advised.Gain, Reached(continued) - sft.Greedy)
                : null;
            records.Add(new AdvisorRecord(world.Regime, world.Seed, references, further));
        }

        return records;
    }

    /// <summary>How good the forecasts and the choices were, for each regime and for all together.</summary>
    public static ReportTable ByRegime(IReadOnlyList<AdvisorRecord> records)
    {
        IEnumerable<(string Name, AdvisorRecord[] Records)> groups = records.GroupBy(r => r.Regime).Select(g => (g.Key, g.ToArray()));
        return new ReportTable(
            "The advisor's forecasts",
            ["regime", "seeds", "sign right", $"where the gain exceeds {Numbers.Fraction(AdvisorStatistics.LargeEffect)}", "correlation",
                "gain of its choice", "of the best choice", "regret"],
            [.. groups.Append(("all", [.. records])).Select(g => Row(g.Item1, AdvisorStatistics.Of(g.Item2)))],
            "Forecast: greedy accuracy of extrapolated decoding minus SFT's, on validation prompts, for each candidate reference; what was "
                + "reached: DPR with that reference minus SFT, greedy, on held-out prompts. "
            + "Signs and correlation are over all references that DPR was run with. Its choice: the reference with the largest forecast, "
            + "continued SFT where its short trial promises more, or stopping; regret is what the best choice, known only afterwards, "
            + "gains more.");
    }

    /// <summary>The advisor beside fixed choices.</summary>
    public static ReportTable Choices(IReadOnlyList<AdvisorRecord> records)
    {
        AdvisorStatistics all = AdvisorStatistics.Of(records);
        AdvisorRecord[] continued = [.. records.Where(r => r.Continued is not null)];
        var rows = new List<IReadOnlyList<ReportCell>> { Row("what the advisor says", all.Cases, all.Gain, all.Regret) };
        rows.AddRange(all.Fixed.Select(f => Row($"always DPR, reference {f.Reference}", f.Cases, f.Gain, f.Regret)));
        if (continued.Length > 0)
        {
            double gain = continued.Average(r => r.Continued!.Realised);
            rows.Add(Row("always continued SFT", continued.Length, gain, continued.Average(AdvisorStatistics.Best) - gain));
        }

        rows.Add(Row("always stop", all.Cases, 0, all.BestGain));
        return new ReportTable("The advisor and fixed choices", ["choice", "worlds", "mean gain", "regret"], rows,
            "Greedy accuracy on held-out prompts minus SFT's, over regimes and seeds in which the choice can be made.");

        static IReadOnlyList<ReportCell> Row(string name, int cases, double gain, double regret) =>
            [name, $"{cases}", Numbers.SignedFraction(gain), Numbers.Fraction(regret)];
    }

    private static double Reached(MethodResult result) => result.Failure is null ? result.Greedy : 0;

    private static IReadOnlyList<ReportCell> Row(string name, AdvisorStatistics s) =>
    [
        name, $"{s.Cases}", Rate(s.Signs), Rate(s.LargeSigns), Numbers.Decimal(s.Correlation), Numbers.SignedFraction(s.Gain),
        Numbers.SignedFraction(s.BestGain), Numbers.Fraction(s.Regret),
    ];

    private static string Rate(HitRate rate) =>
        rate.Count == 0 ? Numbers.None : $"{Numbers.Fraction(rate.Rate)} ({rate.Hits} of {rate.Count})";
}
