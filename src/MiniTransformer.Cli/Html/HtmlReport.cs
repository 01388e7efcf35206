using System.Text;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Html;

/// <summary>
/// A report as one offline HTML file: no scripts, no links, nothing fetched. Blocks appear in the order in which they are added; it
/// follows the reader's dark or light setting, fits a phone and prints.
/// </summary>
/// <param name="title">The title.</param>
/// <param name="summary">What was done and what came out, in plain words; an empty line starts a new paragraph.</param>
/// <param name="wide">Whether the page is wide and its tables set small: for tables of many columns.</param>
public sealed class HtmlReport(string title, string summary, bool wide = false)
{
    private readonly StringBuilder body = new();
    private readonly List<(string Id, string Heading)> sections = [];
    private int charts;
    private int heatmaps;
    private int references = 1;

    /// <summary>Starts a section.</summary>
    public HtmlReport Section(string heading)
    {
        if (sections.Count > 0) body.Append("</section>\n");
        sections.Add(($"section-{sections.Count + 1}", heading));
        body.Append($"<section id=\"{sections[^1].Id}\">\n<h2>{HtmlText.Escape(heading)}</h2>\n");
        return this;
    }

    /// <summary>Adds plain text; an empty line starts a new paragraph.</summary>
    public HtmlReport Paragraph(string text)
    {
        body.Append(Paragraphs(text));
        return this;
    }

    /// <summary>Adds verdicts, each with a sign for better, worse and no clear difference.</summary>
    public HtmlReport Verdicts(IReadOnlyList<Verdict> verdicts) => Findings([.. verdicts.Select(verdict => new Finding(
        verdict.Greedy == verdict.Sampled || verdict.Sampled == Outcome.Unmeasured ? verdict.Greedy
            : verdict.Greedy == Outcome.Unmeasured ? verdict.Sampled
            : Outcome.Unclear,
        verdict.Claim, verdict.Evidence))]);

    /// <summary>Adds findings, each with a sign for its outcome.</summary>
    public HtmlReport Findings(IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0) return this;
        body.Append("<ul class=\"verdicts\">\n");
        foreach (Finding finding in findings)
        {
            body.Append($"<li class=\"{Class(finding.Outcome)}\"><b>{HtmlText.Escape(finding.Claim)}:</b> "
                + $"{HtmlText.Escape(finding.Evidence)}.</li>\n");
        }

        body.Append("</ul>\n");
        return this;
    }

    /// <summary>Adds content that folds away under its summary; a printed page shows it all.</summary>
    /// <param name="summary">What stands there while it is folded.</param>
    /// <param name="open">Whether it is unfolded at first.</param>
    /// <param name="content">Adds the content.</param>
    public HtmlReport Fold(string summary, bool open, Action<HtmlReport> content)
    {
        body.Append($"<details{(open ? " open=\"\"" : "")}><summary>{HtmlText.Escape(summary)}</summary>\n");
        content(this);
        body.Append("</details>\n");
        return this;
    }

    /// <summary>Adds a table.</summary>
    public HtmlReport Table(ReportTable table)
    {
        string broad = Broadness(table) > BroadFrom ? " broad" : "";
        body.Append($"<div class=\"scroll{broad}\" tabindex=\"0\" role=\"region\" aria-label=\"{HtmlText.Escape(table.Title)}\"><table>\n");
        body.Append($"<caption>{HtmlText.Escape(table.Title)}</caption>\n<thead><tr>");
        foreach (string header in table.Headers) body.Append($"<th scope=\"col\">{HtmlText.Escape(header)}</th>");
        body.Append("</tr></thead>\n<tbody>\n");
        foreach (IReadOnlyList<ReportCell> row in table.Rows)
        {
            body.Append("<tr>");
            for (int c = 0; c < row.Count; c++)
            {
                string hint = row[c].Hint is { } text ? $" title=\"{HtmlText.Escape(text)}\"" : "";
                string mark = row[c].Outcome == Outcome.Unmeasured ? "" : $" class=\"{Class(row[c].Outcome)}\"";
                body.Append(c == 0
                    ? $"<th scope=\"row\"{hint}>{HtmlText.Escape(row[c].Text)}</th>"
                    : $"<td{mark}{hint}>{HtmlText.Escape(row[c].Text)}</td>");
            }

            body.Append("</tr>\n");
        }

        body.Append("</tbody></table></div>\n");
        if (table.Note is { } note) body.Append($"<p class=\"note\">{HtmlText.Escape(note)}</p>\n");
        return this;
    }

    // Characters of a row and the gaps between its columns: with more than fit on an upright page the table is printed on one that lies on
    // its side.
    private const int BroadFrom = 150;

    private static int Broadness(ReportTable table) => Enumerable.Range(0, table.Headers.Count).Sum(c =>
        table.Rows.Select(row => row[c].Text.Length).Append(table.Headers[c].Split(' ').Max(word => word.Length)).Max() + 2);

    /// <summary>Adds the tables and verdicts of a comparison, verdicts first.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="verdictsOn">The methods that verdicts speak about; all when null.</param>
    public HtmlReport Comparison(Comparison comparison, IReadOnlyCollection<string>? verdictsOn = null)
    {
        Verdicts(comparison.Verdicts(verdictsOn));
        Table(comparison.AccuracyTable());
        foreach (string baseline in comparison.Baselines) Table(comparison.DifferenceTable(baseline));
        return comparison.TaskTable() is { } tasks ? Table(tasks) : this;
    }

    /// <summary>Adds a chart with its title and, if given, a caption that says how to read it.</summary>
    public HtmlReport Chart(Chart chart, string? caption = null)
    {
        string note = caption is null ? "" : $" <span class=\"note\">{HtmlText.Escape(caption)}</span>";
        body.Append($"<figure><figcaption><b>{HtmlText.Escape(chart.Title)}</b>{note}</figcaption>\n");
        body.Append($"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{HtmlText.Escape(chart.Title)}\">");
        body.Append(chart.ToSvg($"chart-{++charts}")).Append("</div></figure>\n");
        return this;
    }

    /// <summary>Adds responses with their tokens coloured by recovered reward.</summary>
    public HtmlReport Heatmap(IReadOnlyList<ScoredResponse> responses)
    {
        body.Append(RewardHeatmap.Html(responses, $"heatmap-{++heatmaps}"));
        references = Math.Max(references, responses[0].References.Count);
        return this;
    }

    /// <summary>Adds named facts, such as the configuration, the machine and the time taken.</summary>
    public HtmlReport Facts(IEnumerable<(string Name, string Value)> facts)
    {
        body.Append("<dl>\n");
        foreach ((string name, string value) in facts)
        {
            body.Append($"<div><dt>{HtmlText.Escape(name)}</dt><dd>{HtmlText.Escape(value)}</dd></div>\n");
        }

        body.Append("</dl>\n");
        return this;
    }

    /// <summary>Adds a text as it is, such as a configuration in JSON or a command line.</summary>
    public HtmlReport Code(string text)
    {
        body.Append($"<pre tabindex=\"0\"><code>{HtmlText.Escape(text)}</code></pre>\n");
        return this;
    }

    /// <summary>The whole document.</summary>
    public string ToHtml()
    {
        var html = new StringBuilder();
        html.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.Append("<meta name=\"color-scheme\" content=\"light dark\">\n");
        html.Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        html.Append($"<title>{HtmlText.Escape(title)}</title>\n");
        html.Append($"<style>\n{HtmlReportStyle.Text}{ChartStyle.Text}{RewardHeatmap.Style(references)}</style>\n</head>\n");
        html.Append($"<body{(wide ? " class=\"wide\"" : "")}>\n");
        html.Append($"<header>\n<h1>{HtmlText.Escape(title)}</h1>\n{Paragraphs(summary)}</header>\n");
        if (sections.Count > 2)
        {
            html.Append("<nav aria-label=\"Contents\"><ul>");
            foreach ((string id, string heading) in sections) html.Append($"<li><a href=\"#{id}\">{HtmlText.Escape(heading)}</a></li>");
            html.Append("</ul></nav>\n");
        }

        html.Append("<main>\n").Append(body);
        if (sections.Count > 0) html.Append("</section>\n");
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static string Paragraphs(string text)
    {
        string[] parts = text.ReplaceLineEndings("\n")
            .Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Concat(parts.Select(part => $"<p>{HtmlText.Escape(part.Replace('\n', ' '))}</p>\n"));
    }

    private static string Class(Outcome outcome) => outcome switch
    {
        Outcome.Better => "better",
        Outcome.Worse => "worse",
        Outcome.Unclear => "unclear",
        _ => "unmeasured",
    };
}
