using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>Charts and tables of one regime, or of all where there is no name.</summary>
internal sealed record CompareBlock(string? Regime, IReadOnlyList<(Chart Chart, string Caption)> Charts, IReadOnlyList<ReportTable> Tables);

/// <summary>A part of a comparison's report, after the regimes' own sections.</summary>
internal sealed record ComparePart(string Heading, string Text, IReadOnlyList<CompareBlock> Blocks)
{
    /// <summary>The parts that there are numbers for.</summary>
    public static IReadOnlyList<ComparePart> Of(IReadOnlyList<RegimeResults> regimes, IReadOnlyList<MethodResult> results,
        IReadOnlyList<WorldFacts> facts) =>
        [.. new[] { EqualKl(regimes), Sweeps(regimes), Positions(regimes, facts), Advisor(results, facts), Planted(regimes, facts),
            Settings(regimes) }.Where(part => part.Blocks.Count > 0)];

    private static ComparePart EqualKl(IReadOnlyList<RegimeResults> regimes) => new(
        "At equal KL",
        "At the same β one method goes further from SFT than another, so that accuracy at equal settings compares distances as much as "
            + "methods. Here settings are swept, and accuracy is compared at the same KL(π‖π_SFT).",
        PerRegime(regimes, r => CompareCharts.Frontier(r), r =>
            r.Matched is { } matched ? MatchedKlTables.Of(matched, r.Regime.Name) : []));

    private static ComparePart Sweeps(IReadOnlyList<RegimeResults> regimes) => new(
        "References and discounts",
        "DPR with r̂ taken relative to the base and to SFT's own checkpoints, and with other discounts γ, at its default β; and all "
            + "settings of the sweeps.",
        PerRegime(regimes, r => new[] { CompareCharts.References(r), CompareCharts.Discounts(r) }.OfType<(Chart, string)>(), r =>
            [RegimeTables.SweepTable(r)]));

    private static ComparePart Positions(IReadOnlyList<RegimeResults> regimes, IReadOnlyList<WorldFacts> facts) => new(
        "Where along the response the reward is",
        "The recovered reward r̂ of SFT's own responses, token by token, relative to each reference.",
        PerRegime(regimes, r => new[] { CompareCharts.Positions(r.Regime, facts) }.OfType<(Chart, string)>(), _ => []));

    private static ComparePart Advisor(IReadOnlyList<MethodResult> results, IReadOnlyList<WorldFacts> facts)
    {
        IReadOnlyList<AdvisorRecord> records = AdvisorTables.Records(results, facts);
        return new ComparePart(
            "The advisor",
            "Before any further training the advisor tries extrapolated decoding with each candidate reference and a short continued SFT "
                + "on validation prompts, and says what to do. Here its word stands beside what was then reached.",
            records.Count == 0
                ? []
                : [new CompareBlock(null, [.. CompareCharts.Advisor(records)],
                    [AdvisorTables.ByRegime(records), AdvisorTables.Choices(records)])]);
    }

    private static ComparePart Planted(IReadOnlyList<RegimeResults> regimes, IReadOnlyList<WorldFacts> facts) => new(
        "Planted errors",
        "How well each score points at a token that is wrong. A score that does so is a good judge of single tokens; that does not show "
            + "that rewarding it improves the policy.",
        PlantedErrorSummary.Table([.. regimes.Select(r => r.Regime)], facts) is { } table ? [new CompareBlock(null, [], [table])] : []);

    private static ComparePart Settings(IReadOnlyList<RegimeResults> regimes) => new(
        "Settings chosen on validation",
        "Strengths were chosen on validation prompts of the sweep seeds, which the tables of methods do not count; those of sweeps, equal "
            + "KL, the advisor and planted errors do. Both rows, at the default and at the chosen setting, stand in the tables of the "
            + "regimes.",
        PerRegime(regimes, _ => [], r => [RegimeTables.Settings(r)]));

    private static CompareBlock[] PerRegime(
        IReadOnlyList<RegimeResults> regimes, Func<RegimeResults, IEnumerable<(Chart, string)>> charts,
        Func<RegimeResults, IEnumerable<ReportTable?>> tables) =>
        [.. regimes.Select(r => new CompareBlock(r.Regime.Name, [.. charts(r)], [.. tables(r).OfType<ReportTable>()]))
            .Where(b => b.Charts.Count + b.Tables.Count > 0)];
}
