using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class MatchedKlTests
{
    private const string Regime = "r";

    private static MethodResult Cell(string method, double? beta, ulong seed, double kl, double greedy, double sampled,
        string knob = "β") => new()
        {
            Regime = Regime,
            Seed = seed,
            Method = method,
            Role = SampleComparison.RoleOf(method),
            Reference = method == "SFT" ? null : "base",
            Knob = beta is null ? null : knob,
            Value = beta,
            Sweep = true,
            Kl = kl,
            Greedy = greedy,
            Sampled = sampled,
        };

    // DPR: .2 at KL 0, .4 at .5, .8 at 1.5. Sentence-level: .2 at 0, .5 at 1. Both shifted by the seed's own luck.
    private static List<MethodResult> TwoMethods(int seeds)
    {
        var cells = new List<MethodResult>();
        for (ulong seed = 1; seed <= (ulong)seeds; seed++)
        {
            double luck = .01 * seed;
            cells.Add(Cell("SFT", null, seed, 0, .2 + luck, .1 + luck));
            cells.Add(Cell("DPR", 1, seed, 1.5, .8 + luck, .7 + luck));
            cells.Add(Cell("DPR", 3, seed, .5, .4 + luck, .3 + luck));
            cells.Add(Cell("sentence", 1, seed, 1, .5 + luck, .5 + luck));
        }

        return cells;
    }

    private static MatchedKl Of(IEnumerable<MethodResult> cells) => MatchedKl.Of(cells, Regime)!;

    [Fact]
    public void Accuracy_at_a_KL_lies_on_the_line_between_its_neighbours()
    {
        KlFamily dpr = Of(TwoMethods(1)).Families[0];
        Assert.Equal("DPR, reference base", dpr.Name);
        Assert.Equal(.21, dpr.At(1, 0, Decoding.Greedy), 12); // π_SFT itself
        Assert.Equal(.31, dpr.At(1, .25, Decoding.Greedy), 12); // half of the way from .21 to .41
        Assert.Equal(.41, dpr.At(1, .5, Decoding.Greedy), 12); // a measured point
        Assert.Equal(.61, dpr.At(1, 1, Decoding.Greedy), 12); // half of the way from .41 to .81
        Assert.Equal(.51, dpr.At(1, 1, Decoding.Sampled), 12); // half of the way from .31 to .71
    }

    [Fact]
    public void Nothing_is_extrapolated()
    {
        MatchedKl matched = Of(TwoMethods(3));
        KlFamily sentence = matched.Families[1];
        Assert.Equal(.51, sentence.At(1, 1, Decoding.Greedy), 12); // its last point
        Assert.True(double.IsNaN(sentence.At(1, 1.01, Decoding.Greedy)));
        Assert.True(double.IsNaN(sentence.At(1, -.1, Decoding.Greedy)));
        Assert.True(double.IsNaN(sentence.At(99, .5, Decoding.Greedy))); // a seed that was not run
        Assert.Equal(0, matched.Level(sentence, 1.2, Decoding.Greedy).Count);
        Assert.Equal(0, matched.Difference(matched.Families[0], sentence, 1.2, Decoding.Greedy).Estimate.Count);
    }

    [Fact]
    public void Differences_are_taken_seed_by_seed_at_the_same_KL()
    {
        MatchedKl matched = Of(TwoMethods(3));
        PairedDifference difference = matched.Difference(matched.Families[1], matched.Families[0], .5, Decoding.Greedy);
        Assert.Equal(.35 - .4, difference.Estimate.Mean, 12); // sentence .2 + .3/2, DPR .4; the seeds' luck cancels
        Assert.Equal(0, difference.Estimate.Interval.HalfWidth, 12);
        Assert.Equal((0, 3), (difference.Wins, difference.Estimate.Count));
    }

    [Fact]
    public void A_seed_in_which_one_method_did_not_go_so_far_does_not_count()
    {
        List<MethodResult> cells = TwoMethods(3);
        int at = cells.FindIndex(c => c is { Method: "sentence", Seed: 2 });
        cells[at] = cells[at] with { Kl = .3 };
        MatchedKl matched = Of(cells);
        Assert.Equal(2, matched.Level(matched.Families[1], .5, Decoding.Greedy).Count);
        Assert.Equal(2, matched.Difference(matched.Families[1], matched.Families[0], .5, Decoding.Greedy).Estimate.Count);
        Assert.Equal([.1, .25], matched.Targets.TakeLast(2)); // .5 is no target any more
    }

    [Fact]
    public void Targets_are_the_largest_rungs_that_two_methods_reach_in_every_seed() =>
        Assert.Equal([.25, .5, 1], Of(TwoMethods(3)).Targets); // DPR goes to 1.5, sentence-level to 1

    [Fact]
    public void Points_are_ordered_by_KL_and_not_by_the_setting()
    {
        List<MethodResult> cells = TwoMethods(1);
        cells.Add(Cell("DPR", 10, 1, 1, .9, .9)); // a larger β that went further than β = 3
        KlFamily dpr = Of(cells).Families[0];
        Assert.Equal([0, .5, 1, 1.5], dpr.Curves[1].Select(p => p.Kl));
        Assert.Equal(.9, dpr.At(1, 1, Decoding.Greedy), 12);
        Assert.Equal(1, dpr.Folded);
        Assert.Contains("KL did not follow the setting throughout, and was ordered all the same, for DPR, reference base (1 of 1 seeds)",
            Markdown(cells));
        Assert.DoesNotContain("did not follow", Markdown(TwoMethods(1)));
    }

    [Fact]
    public void Points_of_equal_KL_count_as_their_mean()
    {
        List<MethodResult> cells = TwoMethods(1);
        cells.Add(Cell("DPR", 2, 1, .5, .6, .5));
        Assert.Equal((.41 + .6) / 2, Of(cells).Families[0].At(1, .5, Decoding.Greedy), 12);
    }

    [Fact]
    public void Collapsed_runs_sweeps_of_gamma_and_other_cells_are_no_points()
    {
        List<MethodResult> cells = TwoMethods(1);
        cells.Add(Cell("DPR", .3, 1, double.NaN, double.NaN, double.NaN) with { Failure = "collapsed" });
        cells.Add(Cell("DPR", 0, 1, .7, 0, 0, "γ"));
        cells.Add(Cell("DPR", null, 1, .7, 0, 0)); // of the sweep of references
        cells.Add(Cell("DPR", .1, 1, .7, 0, 0) with { Sweep = false });
        cells.Add(Cell("DPR", .1, 1, .7, 0, 0) with { Regime = "another" });
        MatchedKl matched = Of(cells);
        Assert.Equal(2, matched.Families.Count);
        Assert.Equal([0, .5, 1.5], matched.Families[0].Curves[1].Select(p => p.Kl));
    }

    [Fact]
    public void Without_two_methods_or_without_SFT_there_is_nothing_to_compare()
    {
        Assert.Null(MatchedKl.Of(TwoMethods(2).Where(c => c.Method != "sentence"), Regime));
        Assert.Null(MatchedKl.Of(TwoMethods(2).Where(c => c.Method != "SFT"), Regime));
        Assert.Null(MatchedKl.Of(TwoMethods(2), "another"));
    }

    [Fact]
    public void Levels_and_gains_of_the_table_are_those_of_their_column()
    {
        MatchedKl matched = Of(TwoMethods(3));
        KlFamily dpr = matched.Families[0], sentence = matched.Families[1];
        foreach ((double kl, ReportTable table) in matched.Targets.Zip(MatchedKlTables.Of(matched, "r")))
        {
            string[] row = [.. table.Rows[1].Select(cell => cell.Text)];
            PairedDifference greedy = matched.Difference(sentence, dpr, kl, Decoding.Greedy),
                sampled = matched.Difference(sentence, dpr, kl, Decoding.Sampled);
            Assert.Equal(["sentence, reference base (β)", Comparison.Level(matched.Level(sentence, kl, Decoding.Greedy)).Text,
                Comparison.Level(matched.Level(sentence, kl, Decoding.Sampled)).Text,
                Comparison.Gain(greedy).Text, Comparison.Wins(greedy).Text, Comparison.Gain(sampled).Text, Comparison.Wins(sampled).Text,
                "3 of 3"], row);
            Assert.NotEqual(row[3], row[5]);
        }
    }

    [Fact]
    public void A_method_that_did_not_go_so_far_is_a_dash_in_the_table()
    {
        List<MethodResult> cells = TwoMethods(3);
        for (ulong seed = 1; seed <= 3; seed++) cells.Add(Cell("floor", 1, seed, .3, .5, .5));
        string last = MatchedKlTables.Of(Of(cells), "r")[^1].ToMarkdown();
        Assert.Contains("at KL(π‖π_SFT) = 1 nats", last);
        Assert.Matches(@"floor, reference base \(β\) +\| +– \| +– \| +– \| +– \| +– \| +– \| +0 of 3 \|", last);
        Assert.DoesNotContain("NaN", last);
    }

    private static string Markdown(List<MethodResult> cells) =>
        string.Concat(MatchedKlTables.Of(Of(cells), "r").Select(t => t.ToMarkdown()));
}
