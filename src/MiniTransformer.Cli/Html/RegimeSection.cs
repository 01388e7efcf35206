using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>
/// One regime's own section of a comparison's report; its tables are made once, for the resampling in them takes a while.
/// </summary>
internal sealed class RegimeSection(RegimeResults results, bool reduced)
{
    private readonly Lazy<ReportTable> accuracy = new(() => RegimeTables.Accuracy(results));
    private readonly Lazy<ReportTable?> bootstrap = new(() => RegimeTables.Bootstrap(results));
    private readonly Lazy<ReportTable[]> differences = new(() =>
        [.. results.Comparison.Baselines.Select(results.Comparison.DifferenceTable)
            .Select(table => table with { Title = $"{results.Regime.Name}: {table.Title}" })]);

    /// <summary>The regime's name.</summary>
    public string Name => results.Regime.Name;

    /// <summary>What the regime is, as a sentence.</summary>
    public string Description =>
        $"{char.ToUpperInvariant(results.Regime.Description[0])}{results.Regime.Description[1..]}. References are "
            + $"{RegimeTables.ReferenceName(results.Regime)} unless another is named.";

    /// <summary>What the numbers say; nothing of a reduced run.</summary>
    public IReadOnlyList<Finding> Findings { get; } = reduced ? [] : new RegimeFindings(results).All();

    /// <summary>Accuracy and behaviour of every method.</summary>
    public ReportTable Accuracy => accuracy.Value;

    /// <summary>Bootstrap intervals of the accuracies.</summary>
    public ReportTable? Bootstrap => bootstrap.Value;

    /// <summary>Paired differences to each baseline.</summary>
    public IReadOnlyList<ReportTable> Differences => differences.Value;

    /// <summary>Accuracy per task.</summary>
    public ReportTable? Tasks =>
        results.Comparison.TaskTable() is { Headers.Count: > 2 } table ? table with { Title = $"{Name}: {table.Title}" } : null;

    /// <summary>Adds the section to a page.</summary>
    /// <param name="report">The page.</param>
    /// <param name="open">Whether differences and learning curves are unfolded at first.</param>
    public void AddTo(HtmlReport report, bool open)
    {
        report.Section(Name).Paragraph(Description);
        if (Findings.Count > 0) report.Findings(Findings);
        report.Table(Accuracy).Fold("Differences, seed by seed", open, r =>
        {
            foreach (ReportTable table in Differences) r.Table(table);
        });
        if (Tasks is { } tasks) report.Fold("Accuracy per task", open: false, r => r.Table(tasks));
        (Chart Chart, string Caption)[] curves = [.. CompareCharts.Learning(results)];
        if (curves.Length == 0) return;
        report.Fold("Learning curves", open, r =>
        {
            foreach ((Chart chart, string caption) in curves) r.Chart(chart, caption);
        });
    }
}
