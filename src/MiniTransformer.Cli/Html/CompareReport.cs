using System.Text;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>What a comparison says at its end: on the screen, in Markdown and in report.html.</summary>
internal sealed class CompareReport
{
    // With more regimes than this the parts of a page are folded at first.
    private const int MostUnfolded = 2;

    private readonly RegimeResults[] regimes;
    private readonly RegimeSection[] sections;
    private readonly string[] missing;
    private readonly bool reduced;
    private readonly string? unfinished;
    private readonly Lazy<IReadOnlyList<ComparePart>> parts;

    /// <summary>Collects the results.</summary>
    /// <param name="regimes">The regimes; those without a result of an evaluation seed are named and left out.</param>
    /// <param name="results">The results of all seeds and sweeps.</param>
    /// <param name="facts">What was measured of the worlds.</param>
    /// <param name="reduced">Whether this was a reduced run whose numbers mean nothing.</param>
    /// <param name="unfinished">What is missing, as a sentence; null where nothing is.</param>
    public CompareReport(IReadOnlyList<Regime> regimes, IReadOnlyList<MethodResult> results, IReadOnlyList<WorldFacts> facts, bool reduced,
        string? unfinished = null)
    {
        ILookup<bool, Regime> ran = regimes.ToLookup(regime => results.Any(c => !c.Sweep && c.Regime == regime.Name));
        this.regimes = [.. ran[true].Select(r => new RegimeResults(r, results))];
        missing = [.. ran[false].Select(r => r.Name)];
        (this.reduced, this.unfinished) = (reduced, unfinished);
        sections = [.. this.regimes.Select(r => new RegimeSection(r, reduced))];
        parts = new Lazy<IReadOnlyList<ComparePart>>(() => ComparePart.Of(this.regimes, results, facts));
    }

    /// <summary>Prints the tables of accuracy and what the numbers say.</summary>
    public void Print(Terminal terminal)
    {
        foreach (RegimeSection section in sections)
        {
            terminal.Print(section.Accuracy);
            foreach (Finding finding in section.Findings) terminal.Print($"- {finding.Text}");
            terminal.Print("");
        }

        if (regimes.Length > 0) terminal.Print(RegimeSummary.Table(regimes));
        terminal.Print("");
        foreach (Finding finding in Overall()) terminal.Print($"- {finding.Text}");
        terminal.Print("");
        terminal.Print(Remarks());
        if (unfinished is not null) terminal.Print(unfinished);
    }

    /// <summary>All tables and findings in Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder($"# {Title}\n\n{(unfinished is null ? "" : $"**{unfinished}**\n\n")}{Setting()}\n\n## What came "
            + "out\n\n");
        List(Overall());
        text.Append(Remarks()).Append('\n');
        if (regimes.Length > 0) Tables([RegimeSummary.Table(regimes)]);
        foreach (RegimeSection section in sections)
        {
            text.Append($"\n## {section.Name}\n\n{section.Description}\n\n");
            List(section.Findings);
            Tables([section.Accuracy, section.Bootstrap, .. section.Differences, section.Tasks]);
        }

        foreach (ComparePart part in parts.Value.Where(p => p.Blocks.Any(b => b.Tables.Count > 0)))
        {
            text.Append($"\n## {part.Heading}\n\n{part.Text}\n");
            Tables(part.Blocks.SelectMany(b => b.Tables));
        }

        return text.ToString();

        void List(IReadOnlyList<Finding> findings)
        {
            foreach (Finding finding in findings) text.Append("- ").Append(finding.Text).Append('\n');
            if (findings.Count > 0) text.Append('\n');
        }

        void Tables(IEnumerable<ReportTable?> tables)
        {
            foreach (ReportTable table in tables.OfType<ReportTable>())
            {
                text.Append(text[^2] == '\n' ? "" : "\n").Append(table.ToMarkdown());
            }
        }
    }

    /// <summary>The report as HTML.</summary>
    /// <param name="configuration">The effective configuration.</param>
    /// <param name="facts">Command, machine, time.</param>
    public string ToHtml(string configuration, IEnumerable<(string Name, string Value)> facts)
    {
        HtmlReport report = new HtmlReport(Title, unfinished is null ? Setting() : $"{unfinished}\n\n{Setting()}", wide: true)
            .Section("What came out").Findings(Overall()).Paragraph(Remarks());
        if (regimes.Length > 0) report.Table(RegimeSummary.Table(regimes));
        bool open = regimes.Length <= MostUnfolded;
        foreach (RegimeSection section in sections) section.AddTo(report, open);
        foreach (ComparePart part in parts.Value)
        {
            report.Section(part.Heading).Paragraph(part.Text);
            foreach (CompareBlock block in part.Blocks)
            {
                if (block.Regime is { } name) report.Fold(name, open, r => Add(r, block));
                else Add(report, block);
            }
        }

        return report.Section("Configuration").Code(configuration).Section("Machine and time").Facts(facts).ToHtml();

        static void Add(HtmlReport report, CompareBlock block)
        {
            foreach ((Chart chart, string caption) in block.Charts) report.Chart(chart, caption);
            foreach (ReportTable table in block.Tables) report.Table(table);
        }
    }

    private string Title =>
        regimes.Length == 1 ? $"Comparison of methods: {regimes[0].Regime.Name}" : $"Comparison of methods in {regimes.Length} regimes";

    private IReadOnlyList<Finding> Overall() => reduced ? [] : OverallFindings.Of(regimes);

    private string Remarks() => reduced
        ? "This was a reduced run that shows that everything works: its numbers say nothing about the methods, and nothing is concluded "
            + "from them."
        : $"{OverallFindings.Multiplicity(regimes)} 'Clearly' and 'better' here mean: the 95% interval of the paired difference over seeds "
            + $"excludes zero.{Scope()}";

    // What the numbers cannot say.
    private string Scope() =>
        (regimes.Any(r => r.Regime.Own is null) || regimes.Length == 0
            ? " The built-in regimes are toy tasks with a small model; nothing follows for larger ones."
            : "")
        + (regimes.Any(r => r.Regime.Own is not null)
            ? " Own data are split once and not anew in every seed: the intervals leave out what other evaluation prompts would change, "
                + "and what other demonstrations would."
            : "");

    private string Setting()
    {
        int seeds = regimes.Select(r => r.Comparison.Seeds).DefaultIfEmpty(0).Max(), sweep = regimes.Select(r => r.SweepSeeds)
            .DefaultIfEmpty(0).Max();
        int methods = regimes.SelectMany(r => r.Compared).Select(r => r.Method).Distinct().Count();
        string left = missing.Length > 0 ? $" Nothing was finished in {string.Join(", ", missing)}." : "";
        string sweeps = sweep > 0
            ? $" {(sweep == 1 ? "One further seed serves" : $"{sweep} further seeds serve")} the sweeps: strengths are chosen there, on "
                + "validation prompts, and methods are compared there at equal KL."
            : "";
        IEnumerable<string> measures = regimes.GroupBy(r => r.Regime.Measured)
            .Select(g => g.Count() == regimes.Length ? g.Key : $"{g.Key} in {string.Join(", ", g.Select(r => r.Regime.Name))}");
        return $"{methods} methods in {(regimes.Length == 1 ? "one regime" : $"{regimes.Length} regimes")} "
            + $"({string.Join(", ", regimes.Select(r => r.Regime.Name))}), {Comparison.SeedCount(seeds)} each.{left} "
            + "In a seed all methods share data, base and SFT policy; those that train on have as many training sequences as DPR has "
            + "updates × prompts (DPR itself draws a few less where the last batch of a pass over its prompts is short). "
            + "Counted on held-out prompts, with the most probable tokens (greedy) and with tokens sampled at temperature 1: "
            + $"{string.Join("; ", measures.DefaultIfEmpty("exact match"))}. The recovered reward is r̂ = log π_SFT − log π_ref.{sweeps}";
    }
}
