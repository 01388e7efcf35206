namespace MiniTransformer.Lab;

/// <summary>Planted errors in all regimes: how well each score finds them, mean over seeds.</summary>
public static class PlantedErrorSummary
{
    /// <summary>Rows are scores, columns regimes; null where no errors were planted.</summary>
    public static ReportTable? Table(IReadOnlyList<Regime> regimes, IReadOnlyList<WorldFacts> facts)
    {
        (Regime Regime, PlantedErrorResult[] Planted)[] columns =
        [
            .. regimes.Select(r => (r, facts.Where(f => f.Regime == r.Name && f.Planted.Responses > 0).Select(f => f.Planted).ToArray()))
            .Where(c => c.Item2.Length > 0),
        ];
        if (columns.Length == 0) return null;
        string[] names = [.. columns.SelectMany(c => c.Planted.SelectMany(p => p.Scores).Select(s => Name(s, c.Regime))).Distinct()];
        return new ReportTable(
            "Planted errors: hit rate / AUC", ["score", .. columns.Select(c => c.Regime.Name)],
            [
                .. names.Select(name =>
                    (IReadOnlyList<ReportCell>)[name,
                        .. columns.Select(c => Cell([.. c.Planted.SelectMany(p => p.Scores).Where(s => Name(s, c.Regime) == name)]))]),
                ["chance", .. columns.Select(c => (ReportCell)$"{Numbers.Fraction(c.Planted.Average(p => p.Chance))} / .500")],
            ],
            "In right responses one token was replaced by another of its kind. Hit rate: the score is lowest (|r̂|: largest) at the "
                + "planted token, of all tokens of the response. AUC: a planted token scores lower "
            + $"than a right one. Means over {string.Join(", ", columns.Select(c => c.Planted.Length).Distinct())} seeds. The main "
            + "reference is the base, or the checkpoint after 10% of SFT where there is no base.");
    }

    private static ReportCell Cell(ScoreLocalisation[] scores)
    {
        if (scores.Length == 0) return Numbers.None;
        Estimate hits = Estimate.Of([.. scores.Select(s => s.HitRate)]), auc = Estimate.Of([.. scores.Select(s => s.Auc)]);
        return new ReportCell($"{Numbers.Fraction(hits.Mean)} / {Numbers.Fraction(auc.Mean)}",
            $"95% intervals over seeds: hit rate {Numbers.Range(hits.Interval)}, AUC {Numbers.Range(auc.Interval)}");
    }

    private static string Name(ScoreLocalisation score, Regime regime) =>
        PlantedErrorTable.Name(score.Reference == regime.MainReference ? score with { Reference = "main" } : score)
            .Replace("reference main", "main reference", StringComparison.Ordinal);
}
