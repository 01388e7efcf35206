using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MiniTransformer.Cli.Html;

namespace MiniTransformer.Tests.Reports;

public class ChartTests
{
    [Fact]
    public void The_curves_of_a_run_are_drawn_of_the_quantity_that_they_name()
    {
        JsonElement[] metrics = [.. new[]
        {
            """{"kind":"evaluation","phase":"sft","step":0,"greedy":0.1,"sampled":0.2,"heldOutLoss":5}""",
            """{"phase":"sft","step":1,"loss":4}""", """{"phase":"sft","step":2,"loss":3}""",
            """{"kind":"evaluation","phase":"sft","step":2,"greedy":0.3,"sampled":0.4,"heldOutLoss":6}""",
            """{"phase":"dpr","step":1,"loss":9,"reward":1.5,"kl":2.5,"entropy":0.5,"length":7}""",
        }.Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
        Dictionary<string, ChartSeries> lines = RunCharts.Of(metrics, "accuracy").SelectMany(c => c.Chart.Series).ToDictionary(s => s.Name);
        foreach ((string name, double[] x, double[] y) in new (string, double[], double[])[]
        {
            ("training", [1, 2], [4, 3]), ("held out", [0, 2], [5, 6]), ("reward Σ r̂", [1], [1.5]), ("KL(π‖π_SFT)", [1], [2.5]),
            ("entropy", [1], [.5]), ("length", [1], [7]),
            ("greedy", [0, 2], [.1, .3]), ("sampled", [0, 2], [.2, .4]),
        })
        {
            Assert.Equal(x, lines[name].X);
            Assert.Equal(y, lines[name].Y);
        }

        Assert.Equal(8, lines.Count);
    }

    private static readonly Chart Small = new(
        "Loss <&>", "step", "nats",
        [new ChartSeries("train", [0, 1, 2], [3, -1, 2], [2, -2, 1], [4, 0, 3]), new ChartSeries("held out", [0, 2], [1, 2])]);

    [Fact]
    public void Every_colour_follows_the_page()
    {
        string svg = Small.ToSvg();
        Assert.DoesNotContain("rgb(", svg);
        Assert.DoesNotMatch("(fill|stroke)[:=]\"?(black|white)(?!;stroke-width:0)", svg);
        foreach (string variable in new[] { "--ink", "--axis", "--grid", "--s1", "--s2" }) Assert.Contains($"var({variable})", svg);
    }

    [Fact]
    public void Chart_scales_and_speaks()
    {
        XElement svg = XElement.Parse(Small.ToSvg("loss"));
        Assert.Equal("0 0 660 340", (string?)svg.Attribute("viewBox"));
        Assert.Null(svg.Attribute("width"));
        Assert.Equal("img", (string?)svg.Attribute("role"));
        Assert.Equal("Loss <&>", svg.Element("title")!.Value);
        Assert.Equal("Line chart of nats against step. train: from 3 at 0 to 2 at 2; held out: from 1 at 0 to 2 at 2.",
            svg.Element("desc")!.Value);
        Assert.Equal("loss-title loss-desc", (string?)svg.Attribute("aria-labelledby"));
        string[] texts = [.. svg.Descendants("text").Select(text => text.Value)];
        foreach (string text in new[] { "step", "nats", "train", "held out", "−2" }) Assert.Contains(text, texts);
    }

    [Fact]
    public void An_inline_chart_has_no_links_and_a_file_is_complete()
    {
        Assert.DoesNotContain("http", Small.ToSvg());
        XElement file = XElement.Parse(Small.ToSvgFile());
        Assert.Equal("http://www.w3.org/2000/svg", file.Name.NamespaceName);
        Assert.Contains("prefers-color-scheme", file.Elements().Single(element => element.Name.LocalName == "style").Value);
    }

    [Fact]
    public void Charts_of_one_page_share_no_ids()
    {
        static string[] Ids(string svg) => [.. Regex.Matches(svg, " id=\"([^\"]+)\"").Select(match => match.Groups[1].Value)];
        string first = Small.ToSvg("one"), second = Small.ToSvg("two");
        Assert.Empty(Ids(first).Intersect(Ids(second)));
        Assert.All(Regex.Matches(first, @"url\(#([^)]+)\)"), match => Assert.Contains(match.Groups[1].Value, Ids(first)));
    }

    [Fact]
    public void A_long_series_is_drawn_as_means_of_neighbours()
    {
        double[] x = [.. Enumerable.Range(0, 1000).Select(i => (double)i)];
        (double[] thinX, double[] thinY) = Chart.Thin(x, x);
        Assert.Equal(200, thinX.Length);
        Assert.Equal(2, thinX[0]); // of 0 … 4
        Assert.Equal(thinX, thinY);
        Assert.Equal(997, thinX[^1], 9);
    }

    [Fact]
    public void Gaps_empty_and_single_points_can_be_drawn()
    {
        XElement.Parse(new Chart("t", "x", "y", []).ToSvg());
        XElement.Parse(new Chart("t", "x", "y", [new ChartSeries("a", [], []), new ChartSeries("b", [1], [2])]).ToSvg());
        string gaps = new Chart("t", "x", "y", [new ChartSeries("a", [0, 1, 2, 3], [1, double.NaN, 2, 3])]).ToSvg();
        Assert.DoesNotContain("NaN", gaps);
    }

    [Fact]
    public void A_scatter_draws_every_point_and_no_line()
    {
        double[] x = [.. Enumerable.Range(0, 500).Select(i => (double)i)];
        string svg = new Chart("t", "x", "y",
            [new ChartSeries("a", x, x) { Mark = ChartMark.Points }, new ChartSeries("level", [0, 499], [3, 3]) { Mark = ChartMark.Line }])
                .ToSvg();
        XElement drawn = XElement.Parse(svg);
        Assert.Equal(500 + 1, drawn.Descendants().Count(e => e.Name.LocalName is "ellipse" or "circle")); // and one in the legend
        Assert.StartsWith("Scatter chart of y against x. a: 500 points from 0 to 499; level: from 3 at 0", drawn.Element("desc")!.Value);
        Assert.DoesNotMatch("<polyline[^>]*stroke-width:0", svg); // the line itself is not there
    }

    [Fact]
    public void Kinds_stand_by_name_on_the_axis()
    {
        Chart chart = new("t", "reference", "y", [new ChartSeries("a", [0, 1, 2], [1, 2, 3])]) { Categories = ["base", "5%", "10%"] };
        XElement svg = XElement.Parse(chart.ToSvg());
        string[] texts = [.. svg.Descendants("text").Select(text => text.Value)];
        Assert.All(chart.Categories, name => Assert.Contains(name, texts));
        Assert.Contains("a: from 1 at base to 3 at 10%", svg.Element("desc")!.Value);
    }

    [Fact]
    public void Wrong_series_are_refused_by_name()
    {
        Assert.Contains(
            "series 'a' has 2 abscissas, 1 ordinates",
            Assert.Throws<ArgumentException>(() => new Chart("t", "x", "y", [new ChartSeries("a", [0, 1], [1])]).ToSvg()).Message);
        ChartSeries[] eight = [.. Enumerable.Repeat(new ChartSeries("a", [0], [1]), 8)];
        Assert.Contains("8 series", Assert.Throws<ArgumentException>(() => new Chart("t", "x", "y", eight).ToSvg()).Message);
    }
}
