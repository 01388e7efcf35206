using System.Text;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Experiments;
using MiniTransformer.Reports;

namespace MiniTransformer.Cli.Reports;

/// <summary>What a comparison says at its end: on the screen, in Markdown and in report.html.</summary>
internal sealed class CompareReport
{
    // With more regimes than this the parts of a page are folded at first.
    private const int MostUnfolded = 2;

    private readonly RegimeResults[] regimes;
    private readonly string[] missing;
    private readonly IReadOnlyList<WorldFacts> facts;
    private readonly bool reduced;

    /// <summary>Collects the results.</summary>
    /// <param name="regimes">The regimes; those without a finished evaluation cell are named and left out.</param>
    /// <param name="cells">The results of all seeds and sweeps.</param>
    /// <param name="facts">What was measured of the worlds.</param>
    /// <param name="reduced">Whether this was a reduced run whose numbers mean nothing.</param>
    public CompareReport(IReadOnlyList<Regime> regimes, IReadOnlyList<CellResult> cells, IReadOnlyList<WorldFacts> facts, bool reduced)
    {
        bool Ran(Regime regime) => cells.Any(c => !c.Sweep && c.Regime == regime.Name);
        this.regimes = [.. regimes.Where(Ran).Select(r => new RegimeResults(r, cells))];
        missing = [.. regimes.Where(r => !Ran(r)).Select(r => r.Name)];
        (this.facts, this.reduced) = (facts, reduced);
    }

    /// <summary>Prints the tables of accuracy and what the numbers say.</summary>
    public void Print(Terminal terminal)
    {
        foreach (RegimeResults regime in regimes)
        {
            terminal.Print(RegimeTables.Accuracy(regime));
            foreach (Finding finding in Findings(regime)) terminal.Print($"- {finding.Text}");
            terminal.Print("");
        }

        if (regimes.Length > 0) terminal.Print(RegimeSummary.Table(regimes));
        terminal.Print("");
        foreach (Finding finding in Overall()) terminal.Print($"- {finding.Text}");
        terminal.Print(Remarks());
    }

    /// <summary>All tables and findings in Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder($"# {Title}\n\n{Setting()}\n\n## What came out\n\n");
        List(Overall());
        text.Append(Remarks()).Append('\n');
        if (regimes.Length > 0) Tables([RegimeSummary.Table(regimes)]);
        foreach (RegimeResults regime in regimes)
        {
            text.Append($"\n## {regime.Regime.Name}\n\n{Sentence(regime.Regime.Description)}\n\n");
            List(Findings(regime));
            Tables([RegimeTables.Accuracy(regime), RegimeTables.Bootstrap(regime), .. Differences(regime), regime.Comparison.TaskTable()]);
        }

        Part("At equal KL", regime => regime.Matched is { } matched ? MatchedKlTables.Of(matched, regime.Regime.Name) : []);
        Part("Sweeps", regime => [RegimeTables.SweepTable(regime)]);
        Part("Settings chosen on validation", regime => [RegimeTables.Settings(regime)]);
        return text.ToString();

        void List(IReadOnlyList<Finding> findings)
        {
            foreach (Finding finding in findings) text.Append("- ").Append(finding.Text).Append('\n');
        }

        void Tables(IEnumerable<ReportTable?> tables)
        {
            foreach (ReportTable table in tables.OfType<ReportTable>()) text.Append('\n').Append(table.ToMarkdown());
        }

        void Part(string heading, Func<RegimeResults, IEnumerable<ReportTable?>> tables)
        {
            ReportTable[] all = [.. regimes.SelectMany(tables).OfType<ReportTable>()];
            if (all.Length == 0) return;
            text.Append($"\n## {heading}\n");
            Tables(all);
        }
    }

    /// <summary>The report as HTML.</summary>
    public string ToHtml(string configuration, IEnumerable<(string Name, string Value)> facts)
    {
        HtmlReport report = new HtmlReport(Title, Setting()).Section("What came out").Findings(Overall()).Paragraph(Remarks());
        if (regimes.Length > 0) report.Table(RegimeSummary.Table(regimes));
        foreach (RegimeResults regime in regimes) Section(report, regime);

        if (regimes.Any(r => r.Matched is not null))
        {
            report.Section("At equal KL").Paragraph(
                "At the same β one method goes further from SFT than another, so that accuracy at equal settings compares distances as much as methods. Here settings are swept, and accuracy is compared at the same KL(π‖π_SFT).");
            PerRegime(report, regime =>
            {
                Charts(report, CompareCharts.Frontier(regime));
                if (regime.Matched is { } matched) Tables(report, MatchedKlTables.Of(matched, regime.Regime.Name));
            }, regime => regime.Matched is not null);
        }

        if (regimes.Any(r => r.SweepSeeds > 0))
        {
            report.Section("References and discounts");
            PerRegime(report, regime =>
            {
                Charts(report, new[] { CompareCharts.References(regime), CompareCharts.Discounts(regime) }.OfType<(Chart, string)>());
                Tables(report, [RegimeTables.SweepTable(regime)]);
            }, regime => regime.SweepSeeds > 0);
        }

        if (regimes.Any(r => CompareCharts.Positions(r.Regime, this.facts) is not null))
        {
            report.Section("Where along the response the reward is");
            PerRegime(report, regime => Charts(report, new[] { CompareCharts.Positions(regime.Regime, this.facts) }.OfType<(Chart, string)>()), regime => CompareCharts.Positions(regime.Regime, this.facts) is not null);
        }

        if (regimes.Any(r => r.Settings.Count > 0))
        {
            report.Section("Settings chosen on validation").Paragraph(
                "Strengths were chosen on validation prompts of seeds that are used for nothing else. Both rows, at the default and at the chosen setting, stand in the tables above.");
            foreach (RegimeResults regime in regimes) Tables(report, [RegimeTables.Settings(regime)]);
        }

        return report.Section("Configuration").Code(configuration).Section("Machine and time").Facts(facts).ToHtml();
    }

    private string Title => regimes.Length == 1 ? $"Comparison of methods: {regimes[0].Regime.Name}" : $"Comparison of methods in {regimes.Length} regimes";

    private void Section(HtmlReport report, RegimeResults regime)
    {
        bool open = regimes.Length <= MostUnfolded;
        report.Section(regime.Regime.Name).Paragraph(Sentence(regime.Regime.Description)).Findings(Findings(regime)).Table(RegimeTables.Accuracy(regime));
        report.Fold("Differences, seed by seed", open, r => Tables(r, Differences(regime)));
        if (regime.Comparison.TaskTable() is { } tasks) report.Fold("Accuracy per task", false, r => r.Table(tasks));
        (Chart, string)[] curves = [.. CompareCharts.Learning(regime)];
        if (curves.Length > 0) report.Fold("Learning curves", open, r => Charts(r, curves));
    }

    private void PerRegime(HtmlReport report, Action<RegimeResults> content, Func<RegimeResults, bool> has)
    {
        foreach (RegimeResults regime in regimes.Where(has)) report.Fold(regime.Regime.Name, regimes.Length <= MostUnfolded, _ => content(regime));
    }

    private static void Charts(HtmlReport report, IEnumerable<(Chart Chart, string Caption)> charts)
    {
        foreach ((Chart chart, string caption) in charts) report.Chart(chart, caption);
    }

    private static void Tables(HtmlReport report, IEnumerable<ReportTable?> tables)
    {
        foreach (ReportTable table in tables.OfType<ReportTable>()) report.Table(table);
    }

    private static IEnumerable<ReportTable> Differences(RegimeResults regime) =>
        regime.Comparison.Baselines.Select(baseline => regime.Comparison.DifferenceTable(baseline) is var table ? table with { Title = $"{regime.Regime.Name}: {table.Title}" } : table);

    private IReadOnlyList<Finding> Findings(RegimeResults regime) => reduced ? [] : new RegimeFindings(regime).All();

    private IReadOnlyList<Finding> Overall() => reduced ? [] : OverallFindings.Of(regimes);

    private string Remarks() => reduced
        ? "This was a reduced run that shows that everything works: its numbers say nothing about the methods, and nothing is concluded from them."
        : $"{OverallFindings.Multiplicity(regimes)} 'Clearly' and 'better' here mean: the 95% interval of the paired difference over seeds excludes zero. The regimes are built-in toy tasks with a small model; nothing follows for larger ones.";

    private string Setting()
    {
        int seeds = regimes.Select(r => r.Comparison.Seeds).DefaultIfEmpty(0).Max(), sweep = regimes.Select(r => r.SweepSeeds).DefaultIfEmpty(0).Max();
        int methods = regimes.SelectMany(r => r.Rows).Select(r => r.Method).Distinct().Count();
        string left = missing.Length > 0 ? $" Nothing was finished in {string.Join(", ", missing)}." : "";
        string sweeps = sweep > 0
            ? $" {(sweep == 1 ? "One further seed serves" : $"{sweep} further seeds serve")} the sweeps: strengths are chosen there, on validation prompts, and methods are compared there at equal KL."
            : "";
        return $"{methods} methods in {(regimes.Length == 1 ? "one regime" : $"{regimes.Length} regimes")} ({string.Join(", ", regimes.Select(r => r.Regime.Name))}), {Comparison.SeedCount(seeds)} each.{left} "
            + "In a seed all methods share data, base and SFT policy; those that train on have as many training sequences as DPR draws. Accuracy is exact match on held-out prompts, with the most probable tokens (greedy) and with tokens "
            + $"sampled at temperature 1. The recovered reward is r̂ = log π_SFT − log π_ref.{sweeps}";
    }

    private static string Sentence(string text) => text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..] + ".";
}
