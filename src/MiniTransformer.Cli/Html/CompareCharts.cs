using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>The charts of a comparison, one regime each; with a caption each.</summary>
internal static class CompareCharts
{
    private static string Accuracy(Regime regime) => $"{regime.Measured} (fraction)";

    /// <summary>Accuracy on validation prompts while the methods train.</summary>
    public static IEnumerable<(Chart Chart, string Caption)> Learning(RegimeResults results)
    {
        ComparedMethod[] followed = [.. results.Compared.Where(r => r.Results.Any(c => c.Curve.Count > 1))];
        foreach ((string name, Func<CurvePoint, double> quantity) in new (string, Func<CurvePoint, double>)[] { ("greedy", p => p.Greedy),
            ("sampled", p => p.Sampled) })
        {
            foreach (ChartSeries[] lines in followed.Select(r => Curve(r, quantity)).Chunk(ChartStyle.MostSeries))
            {
                yield return (
                    new Chart($"{results.Regime.Name}: {name} accuracy over further training", "further training (fraction of the budget)",
                        Accuracy(results.Regime), lines),
                    $"On validation prompts, from the SFT policy on; each at its default setting. {Bands(results.Comparison.Seeds)}");
            }
        }
    }

    /// <summary>Accuracy against KL(π‖π_SFT): one line a method, one marker a setting.</summary>
    public static IEnumerable<(Chart Chart, string Caption)> Frontier(RegimeResults results)
    {
        if (results.Matched is not { } matched) yield break;
        foreach ((string name, Func<MethodResult, double> quantity) in new (string,
            Func<MethodResult, double>)[] { ("greedy", c => c.Greedy), ("sampled", c => c.Sampled) })
        {
            foreach (KlFamily[] families in InCharts(matched.Families))
            {
                string settings = string.Join("; ",
                    families.Select(f =>
                        $"{f.Name}: {f.Knob} = {string.Join(", ", Settings(results, f).Select(s => Numbers.Plain(s.Key)))}"));
                yield return (
                    new Chart($"{results.Regime.Name}: {name} accuracy against distance from SFT", "KL(π‖π_SFT) (nats a response)",
                        Accuracy(results.Regime),
                        [.. families.Select(f =>
                            Line(f.Name, [.. Origin(results), .. Settings(results, f)], g => g.Average(c => c.Kl), quantity))]),
                    $"Means over the sweep's {SeedCount(results.SweepSeeds)}; all begin at SFT, KL = 0. Settings from left to right: "
                        + $"{settings}. {Bands(results.SweepSeeds)}");
            }
        }
    }

    /// <summary>DPR with each reference, earliest first.</summary>
    public static (Chart Chart, string Caption)? References(RegimeResults results)
    {
        string[] names = [.. World.ReferencesOf(results.Regime).Where(name => OfReference(name).Length > 0)];
        if (names.Length < 2) return null;
        double[] x = [.. Enumerable.Range(0, names.Length).Select(i => (double)i)];
        IGrouping<double, MethodResult>[] groups = [.. x.SelectMany(i => OfReference(names[(int)i]).Select(c => (i, c)))
            .GroupBy(p => p.i, p => p.c)];
        return (
            new Chart($"{results.Regime.Name}: DPR by its reference",
                "reference (the base, or SFT's checkpoint after that part of its samples)", Accuracy(results.Regime),
                [Line("DPR, greedy", groups, g => g.Key, c => c.Greedy), Line("DPR, sampled", groups, g => g.Key, c => c.Sampled),
                    .. Levels(results, 0, names.Length - 1)])
            { Categories = names },
            $"Means over the sweep's {SeedCount(results.SweepSeeds)}. {Bands(results.SweepSeeds)}");

        MethodResult[] OfReference(string name) =>
            [.. Finished(results).Where(c => c.Role == MethodRole.Dpr && c.Reference == name && c.Knob is null)];
    }

    /// <summary>DPR with each discount.</summary>
    public static (Chart Chart, string Caption)? Discounts(RegimeResults results)
    {
        IGrouping<double, MethodResult>[] groups = [.. Finished(results).Where(c => c.Knob == DprMethod.Discount && c.Value is not null)
            .GroupBy(c => c.Value!.Value).OrderBy(g => g.Key)];
        if (groups.Length < 2) return null;
        return (
            new Chart($"{results.Regime.Name}: DPR by the discount γ of its return-to-go",
                "γ (0: each token for itself, 1: all that follows)", Accuracy(results.Regime),
                [Line("DPR, greedy", groups, g => g.Key, c => c.Greedy), Line("DPR, sampled", groups, g => g.Key, c => c.Sampled),
                    .. Levels(results, groups[0].Key, groups[^1].Key)]),
            "At the same β, so not at the same distance from SFT: KL is "
                + $"{string.Join(", ", groups.Select(g => $"{Numbers.Decimal(g.Average(c => c.Kl))} at γ = {Numbers.Plain(g.Key)}"))} "
                + "nats. "
            + $"Means over the sweep's {SeedCount(results.SweepSeeds)}. {Bands(results.SweepSeeds)}");
    }

    /// <summary>Mean r̂ at each position of SFT's own responses, one line a reference.</summary>
    public static (Chart Chart, string Caption)? Positions(Regime regime, IReadOnlyList<WorldFacts> facts)
    {
        WorldFacts[] own = [.. facts.Where(f => f.Regime == regime.Name)];
        if (own.Length == 0) return null;
        string[] names = [.. own.SelectMany(f => f.Positions).Select(p => p.Reference).Distinct().Take(ChartStyle.MostSeries)];
        ChartSeries[] lines = [.. names.Select(name =>
            Positions(name, [.. own.SelectMany(f => f.Positions).Where(p => p.Reference == name).Select(p => p.Mean)]))];
        return (
            new Chart($"{regime.Name}: recovered reward along the response", "token of the response", "mean r̂ (nats)",
                lines)
            { Categories = [.. Enumerable.Range(1, lines.Max(l => l.X.Count)).Select(t => $"{t}")] },
            "Of SFT's own sampled responses to validation prompts, relative to each reference; positions that too few responses reach are "
                + $"left out. {Bands(own.Length)}");
    }

    /// <summary>The advisor's forecasts against what DPR reached, one point a reference, regime and seed.</summary>
    public static IEnumerable<(Chart Chart, string Caption)> Advisor(IReadOnlyList<AdvisorRecord> records)
    {
        double[] all = [.. records.SelectMany(r => r.References).SelectMany(g => new[] { g.Predicted, g.Realised }).Append(0)];
        var equal = new ChartSeries("reached = forecast", [all.Min(), all.Max()], [all.Min(), all.Max()]) { Mark = ChartMark.Line };
        foreach (IGrouping<string, AdvisorRecord>[] regimes in records.GroupBy(r => r.Regime).Chunk(ChartStyle.MostSeries - 1))
        {
            ChartSeries[] points =
            [
                .. regimes.Select(regime => new ChartSeries(
                    regime.Key, [.. regime.SelectMany(r => r.References).Select(g => g.Predicted)],
                    [.. regime.SelectMany(r => r.References).Select(g => g.Realised)])
                { Mark = ChartMark.Points }),
            ];
            yield return (
                new Chart("Gain of DPR over SFT: forecast and reached", "forecast (greedy accuracy, validation prompts)",
                    "reached (greedy accuracy, held-out)", [.. points, equal]),
                $"One point for each reference and seed: {string.Join(", ", regimes.Select(r => r.Key))}. A point in the lower left or the "
                    + "upper right has its sign forecast.");
        }
    }

    // At most as many as a chart can show; the first, which the others are compared with, stands in all of them.
    private static IEnumerable<KlFamily[]> InCharts(IReadOnlyList<KlFamily> families)
    {
        if (families.Count <= ChartStyle.MostSeries) return [[.. families]];
        int others = families.Count - 1, charts = (others + ChartStyle.MostSeries - 2) / (ChartStyle.MostSeries - 1);
        return families.Skip(1).Chunk((others + charts - 1) / charts).Select(chunk => (KlFamily[])[families[0], .. chunk]);
    }

    private static ChartSeries Positions(string name, double[][] means)
    {
        var groups = Enumerable.Range(0, means.Max(m => m.Length))
            .Select(t => (t, Estimate: Estimate.Of([.. means.Where(m => t < m.Length).Select(m => m[t])]))).ToArray();
        return Series(name, [.. groups.Select(g => (double)g.t)], [.. groups.Select(g => g.Estimate)]);
    }

    // SFT's own accuracy, as two levels.
    private static ChartSeries[] Levels(RegimeResults results, double from, double to)
    {
        MethodResult[] sft = [.. Origin(results).SelectMany(g => g)];
        if (sft.Length == 0) return [];
        ChartSeries Level(string name, Func<MethodResult, double> quantity) =>
            new(name, [from, to], [sft.Average(quantity), sft.Average(quantity)]) { Mark = ChartMark.Line };
        return [Level("SFT, greedy", c => c.Greedy), Level("SFT, sampled", c => c.Sampled)];
    }

    private static ChartSeries Curve(ComparedMethod method, Func<CurvePoint, double> quantity)
    {
        MethodResult[] seeds = [.. method.Results.Where(c => c.Curve.Count > 1)];
        int points = seeds.Min(c => c.Curve.Count);
        Estimate[] estimates = [.. Enumerable.Range(0, points).Select(i => Estimate.Of([.. seeds.Select(c => quantity(c.Curve[i]))]))];
        return Series(method.Label, [.. seeds[0].Curve.Take(points).Select(p => p.Step / (double)seeds[0].Curve[^1].Step)], estimates);
    }

    private static ChartSeries Line(string name, IEnumerable<IGrouping<double, MethodResult>> groups,
        Func<IGrouping<double, MethodResult>, double> at, Func<MethodResult, double> quantity)
    {
        (double X, Estimate Estimate)[] points = [.. groups.Select(g => (X: at(g), Estimate.Of([.. g.Select(quantity)])))
            .OrderBy(p => p.X)];
        return Series(name, [.. points.Select(p => p.X)], [.. points.Select(p => p.Estimate)]);
    }

    private static ChartSeries Series(string name, double[] x, Estimate[] estimates)
    {
        bool band = estimates.Any(e => e.Interval.IsAvailable);
        return new ChartSeries(name, x, [.. estimates.Select(e => e.Mean)], band ? [.. estimates.Select(e => e.Interval.Low)] : null,
            band ? [.. estimates.Select(e => e.Interval.High)] : null);
    }

    // A family's settings in order of their mean KL.
    private static IEnumerable<IGrouping<double, MethodResult>> Settings(RegimeResults results, KlFamily family) => Finished(results)
        .Where(c => c.Knob == family.Knob && c.Value is not null && family.Curves.ContainsKey(c.Seed) && MatchedKl.NameOf(c) == family.Name)
        .GroupBy(c => c.Value!.Value).OrderBy(g => g.Average(c => c.Kl));

    // SFT itself, as a group of its own; none where the sweeps have none.
    private static IEnumerable<IGrouping<double, MethodResult>> Origin(RegimeResults results) =>
        Finished(results).Where(c => c.Role == MethodRole.Sft).GroupBy(_ => 0.0);

    private static IEnumerable<MethodResult> Finished(RegimeResults results) => results.SweepResults.Where(c => c.Failure is null);

    private static string Bands(int seeds) =>
        seeds < Statistics.FewestForInterval
            ? $"No bands with {SeedCount(seeds)}."
            : $"Bands are Student's 95% intervals over {SeedCount(seeds)}.";

    private static string SeedCount(int seeds) => Comparison.SeedCount(seeds);
}
