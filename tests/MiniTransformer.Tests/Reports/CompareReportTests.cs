using System.Text.RegularExpressions;
using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Reports;

public class CompareReportTests
{
    private static readonly Regime[] Two = [Regimes.Named("base-to-better"), Regimes.Named("lazyshift")];
    private static readonly CompareReport Report = Of(Two, 3, 3);
    private static readonly string Page = Report.ToHtml("{ \"seeds\": 3 }", [("time", "9 min")]);

    private static CompareReport Of(Regime[] regimes, int seeds, int sweepSeeds, bool reduced = false) =>
        new(regimes, SampleComparison.Cells(regimes, seeds, sweepSeeds), SampleComparison.Facts(regimes, seeds, sweepSeeds), reduced);

    private static string Printed(CompareReport report)
    {
        var output = new StringWriter();
        report.Print(new Terminal(output, TextWriter.Null, Stream.Null, default));
        return output.ToString();
    }

    [Fact]
    public void The_page_is_whole_offline_and_without_scripts()
    {
        HtmlReportTests.AssertOffline(Page);
        HtmlReportTests.Parse(Page);
    }

    [Fact]
    public void The_page_holds_every_part_in_its_order()
    {
        string[] headings = [.. Regex.Matches(Page, "<h2>([^<]*)</h2>").Select(m => m.Groups[1].Value)];
        Assert.Equal(
            [
                "What came out", "base-to-better", "lazyshift", "At equal KL", "References and discounts",
                "Where along the response the reward is", "The advisor", "Planted errors",
                "Settings chosen on validation", "Configuration", "Machine and time",
            ],
            headings);
    }

    [Fact]
    public void It_begins_with_what_was_compared()
    {
        string header = Regex.Match(Page, "<header>.*?</header>", RegexOptions.Singleline).Value;
        Assert.Contains("22 methods in 2 regimes (base-to-better, lazyshift), 3 seeds each", header);
        Assert.Contains("3 further seeds serve the sweeps", header);
    }

    [Fact]
    public void Many_regimes_are_folded_and_few_are_not()
    {
        Assert.DoesNotContain("<details><summary>lazyshift", Page);
        string three = Of([.. Two, Regimes.Named("noisy")], 1, 1).ToHtml("{}", []);
        Assert.DoesNotContain("<details open=\"\">", three);
        Assert.Contains("<details><summary>lazyshift", three);
    }

    [Fact]
    public void Everywhere_numbers_are_numbers()
    {
        Assert.DoesNotContain("NaN", Page);
        Assert.DoesNotContain("NaN", Report.ToMarkdown());
        Assert.DoesNotContain("NaN", Printed(Report));
    }

    [Fact]
    public void The_screen_ends_with_what_came_out()
    {
        string text = Printed(Report);
        Assert.Contains("base-to-better: accuracy on held-out prompts", text);
        string[] lines = text.TrimEnd().Split('\n');
        Assert.Contains(lines[^8..], l => l.StartsWith("- DPR, with the main reference: clearly better", StringComparison.Ordinal));
    }

    [Fact]
    public void A_reduced_run_concludes_nothing()
    {
        CompareReport report = Of(Two, 3, 1, reduced: true);
        foreach (string text in new[] { Printed(report), report.ToMarkdown(), report.ToHtml("{}", []) })
        {
            Assert.Contains("its numbers say nothing about the methods", text);
            Assert.DoesNotContain("clearly better", text);
            Assert.DoesNotContain("etter than SFT", text);
        }
    }

    [Fact]
    public void One_seed_without_sweeps_or_facts_makes_a_report_too()
    {
        Regime[] regimes = [Two[0]];
        var report = new CompareReport(regimes, SampleComparison.Cells(regimes, 1, 0), [], false);
        Assert.Contains("there are no intervals with 1 seed", report.ToMarkdown());
        string page = report.ToHtml("{}", []);
        Assert.DoesNotContain("At equal KL", page);
        Assert.DoesNotContain("NaN", page);
    }

    [Fact]
    public void Of_own_data_the_report_says_what_accuracy_is_and_what_the_intervals_leave_out()
    {
        var examples = Demonstrations.FromExamples(Enumerable.Range(0, 40).Select(i => Example.FromText($"{i}", "1", new ByteTokenizer())));
        Regime own = Regimes.OfOwn(OwnData.Split("own", examples, new NumericJudge(), .25, .25, 1), null);
        string alone = Of([own], 3, 1).ToMarkdown(), beside = Of([Two[0], own], 3, 1).ToMarkdown();
        Assert.Contains("at temperature 1: agreement with the demonstrations by numeric.", alone);
        Assert.Contains("the intervals leave out what other evaluation prompts would change", alone);
        Assert.DoesNotContain("toy tasks", alone);
        Assert.Contains("at temperature 1: exact match in base-to-better; agreement with the demonstrations by numeric in own.", beside);
        Assert.Contains("toy tasks", beside);
        Assert.DoesNotContain("Own data", Report.ToMarkdown());
    }

    [Fact]
    public void What_is_missing_stands_first()
    {
        var report = new CompareReport(Two, SampleComparison.Cells(Two, 3, 1), [], false, "This comparison is not finished: half.");
        Assert.StartsWith("# Comparison of methods in 2 regimes\n\n**This comparison is not finished: half.**", report.ToMarkdown());
        Assert.Contains("This comparison is not finished: half.",
            Regex.Match(report.ToHtml("{}", []), "<header>.*?</header>", RegexOptions.Singleline).Value);
        Assert.EndsWith("half.", Printed(report).TrimEnd());
    }

    [Fact]
    public void A_regime_in_which_nothing_was_finished_is_named()
    {
        var report = new CompareReport(Two, SampleComparison.Cells([Two[0]], 1, 0), [], false);
        Assert.Contains("Nothing was finished in lazyshift", report.ToMarkdown());
    }

    [Fact]
    public void With_no_result_at_all_the_report_says_so() =>
        Assert.Contains("Nothing was finished in base-to-better, lazyshift", new CompareReport(Two, [], [], false).ToHtml("{}", []));

    [Fact]
    public void Levels_and_learning_curves_are_drawn_of_the_quantity_that_they_name()
    {
        var results = new MiniTransformer.Lab.RegimeResults(Two[0], SampleComparison.Cells(Two, 2, 2));
        MethodResult[] sft = [.. results.SweepResults.Where(c => c.Method == "SFT")];
        foreach (Chart chart in new[] { CompareCharts.References(results)!.Value.Chart, CompareCharts.Discounts(results)!.Value.Chart })
        {
            double[] Level(string name) => [.. Assert.Single(chart.Series, s => s.Name == name).Y];
            Assert.All(Level("SFT, greedy"), y => Assert.Equal(sft.Average(c => c.Greedy), y, 12));
            Assert.All(Level("SFT, sampled"), y => Assert.Equal(sft.Average(c => c.Sampled), y, 12));
        }

        Assert.NotEqual(sft.Average(c => c.Greedy), sft.Average(c => c.Sampled));
        foreach ((Chart chart, _) in CompareCharts.Learning(results))
        {
            bool greedy = chart.Title.Contains("greedy", StringComparison.Ordinal);
            foreach (ChartSeries line in chart.Series)
            {
                MethodResult[] cells = [.. results.Compared.Single(r => r.Label == line.Name).Results];
                Assert.Equal([0, .2, .4, .6, .8, 1], line.X.Select(x => Math.Round(x, 12))); // steps 0, 10, …, 50 of 50
                Assert.Equal(Enumerable.Range(0, 6)
                    .Select(i => Math.Round(cells.Average(c => greedy ? c.Curve[i].Greedy : c.Curve[i].Sampled), 9)),
                    line.Y.Select(y => Math.Round(y, 9)));
            }
        }
    }

    [Fact]
    public void A_chart_is_split_rather_than_overloaded_and_the_first_method_stays_in_sight()
    {
        var results = new MiniTransformer.Lab.RegimeResults(Two[0], SampleComparison.Cells(Two, 1, 1));
        Chart[] charts = [.. CompareCharts.Frontier(results).Select(c => c.Chart)];
        Assert.True(results.Matched!.Families.Count > ChartStyle.MostSeries);
        Assert.Equal(4, charts.Length); // greedy and sampled, in two charts each
        Assert.All(charts, chart => Assert.InRange(chart.Series.Count, 2, ChartStyle.MostSeries));
        Assert.All(charts, chart => Assert.Equal("DPR, reference base", chart.Series[0].Name));
        Assert.All(charts.SelectMany(c => c.Series), s => Assert.Equal(0, s.X[0])); // all begin at SFT
    }
}
