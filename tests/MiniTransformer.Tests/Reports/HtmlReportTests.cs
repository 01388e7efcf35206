using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class HtmlReportTests
{
    private static readonly string Page = SampleReport.Report(5).ToHtml();

    [Fact]
    public void The_page_fetches_nothing_and_runs_nothing() => AssertOffline(Page);

    internal static void AssertOffline(string page)
    {
        Assert.DoesNotMatch("https?://|//[a-z]|<script|<link|<img|<iframe|javascript:|@import", page);
        Assert.DoesNotMatch("url\\((?!#)", page);
        Assert.DoesNotMatch(" on[a-z]+=[\"']", page);
        Assert.All(Regex.Matches(page, "(href|src)=\"([^\"]*)\""), match => Assert.StartsWith("#", match.Groups[2].Value));
    }

    [Fact]
    public void The_page_is_small() => Assert.InRange(Encoding.UTF8.GetByteCount(Page), 20_000, 200_000);

    [Fact]
    public void Tags_are_nested_and_every_reference_leads_to_one_id()
    {
        XElement html = Parse(Page);
        string[] ids = [.. html.Descendants().Select(element => (string?)element.Attribute("id")).OfType<string>()];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        IEnumerable<string> references = html.Descendants().Attributes()
            .Where(attribute => attribute.Name.LocalName is "aria-labelledby" or "href")
            .SelectMany(attribute => attribute.Value.Split(' ')).Select(id => id.TrimStart('#'));
        Assert.All(references, id => Assert.Contains(id, ids));
    }

    [Fact]
    public void Tables_charts_and_headings_are_accessible()
    {
        XElement html = Parse(Page);
        Assert.Single(html.Descendants("h1"));
        Assert.Equal("en", (string?)html.Attribute("lang"));
        Assert.All(html.Descendants("th"), th => Assert.Contains((string?)th.Attribute("scope"), new[] { "col", "row" }));
        Assert.All(html.Descendants("table"), table => Assert.NotNull(table.Element("caption")));
        Assert.Equal(3, html.Descendants("svg").Count());
        Assert.All(html.Descendants("svg"), svg => Assert.Equal("img", (string?)svg.Attribute("role")));
    }

    [Fact]
    public void Verdicts_say_where_it_did_not_help()
    {
        XElement html = Parse(Page);
        XElement line = html.Descendants("li")
            .Single(li => li.Value.StartsWith("DPR (reference half-way) and continued SFT", StringComparison.Ordinal));
        Assert.Equal("unclear", (string?)line.Attribute("class"));
        Assert.Contains("no clear difference", line.Value);
    }

    [Fact]
    public void A_table_too_broad_for_an_upright_page_is_printed_on_one_that_lies_on_its_side()
    {
        ReportTable Table(int columns) =>
            new("t", [.. Enumerable.Range(0, columns).Select(c => "h")],
                [[.. Enumerable.Range(0, columns).Select(c => (ReportCell)"+.123 / +.456")]]);
        Assert.Contains("<div class=\"scroll\"", new HtmlReport("t", "").Table(Table(10)).ToHtml());
        Assert.Contains("<div class=\"scroll broad\"", new HtmlReport("t", "").Table(Table(11)).ToHtml());
    }

    [Fact]
    public void Every_text_is_escaped()
    {
        const string Evil = "<script>\"&'";
        var table = new ReportTable(Evil, [Evil], [[new ReportCell(Evil, Evil)]], Evil);
        var verdict = new Verdict(Evil, Evil, Outcome.Better, Outcome.Better, Evil, Evil);
        string page = new HtmlReport(Evil, Evil).Section(Evil).Section(Evil).Section(Evil).Paragraph(Evil).Verdicts([verdict]).Table(table)
            .Chart(new Chart(Evil, Evil, Evil, [new ChartSeries(Evil, [0, 1], [0, 1]), new ChartSeries(Evil, [0, 1], [0, 1])]), Evil)
            .Heatmap([new ScoredResponse(Evil, [new ScoredToken(1, Evil, 0, 0, 0, [0], [new ScoredAlternative(2, Evil, 0, [0])], Evil)],
                null, Evil, [Evil])])
            .Facts([(Evil, Evil)]).Code(Evil).ToHtml();
        Assert.DoesNotContain("<script", page);
        Parse(page);
    }

    [Fact]
    public void The_style_serves_the_fragment_with_the_most_references()
    {
        ScoredResponse Against(params string[] references) =>
            new("p", [new ScoredToken(1, "a", -1, 0, 0, [.. references.Select(_ => -2.0)])], null, null, references);
        string page = new HtmlReport("t", "s").Heatmap([Against("a", "b", "c")]).Heatmap([Against("a")]).ToHtml();
        foreach (string key in new[] { "r0", "r1", "r2", "q", "s" })
        {
            Assert.Contains($"class=\"pick-{key}\"", page);
            Assert.Contains($".only-{key}{{display:revert}}", page);
        }
    }

    public static TheoryData<bool> Themes => [false, true];

    // 3 : 1 for graphics (WCAG 2, 1.4.11). The sixth and seventh, orange and sky blue, are lighter on white: they are left to dashes
    // and markers.
    [Theory]
    [MemberData(nameof(Themes))]
    public void First_series_stand_out_from_the_page(bool dark)
    {
        string page = dark ? "#14171b" : "#ffffff";
        Assert.Contains(dark ? "--page:#14171b" : "--page:#fff", Page);
        foreach (string colour in (dark ? ChartStyle.Dark : ChartStyle.Light).Take(5))
        {
            Assert.InRange(RewardHeatmapTests.Contrast(colour, page), 3, 21);
        }
    }

    // HTML is XML here once its void elements are closed and its bare attributes have values.
    internal static XElement Parse(string page)
    {
        string xml = Regex.Replace(page[page.IndexOf("<html", StringComparison.Ordinal)..], "<(meta|input)([^>]*)>", "<$1$2/>");
        return XElement.Parse(Regex.Replace(xml, " checked(?=[ />])", " checked=\"\""));
    }
}
