using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class ComparisonTests
{
    private static MethodResult Result(string method, ulong seed, double greedy, double sampled) =>
        new() { Regime = "r", Seed = seed, Method = method, Greedy = greedy, Sampled = sampled };

    private static List<MethodResult> Results(int seeds, Func<int, (double Greedy, double Sampled)> dpr)
    {
        var results = new List<MethodResult>();
        for (int seed = 1; seed <= seeds; seed++)
        {
            double luck = .1 * seed; // a seed's share in both methods, which pairing removes
            results.Add(Result("SFT", (ulong)seed, luck, luck));
            (double greedy, double sampled) = dpr(seed);
            results.Add(Result("DPR", (ulong)seed, luck + greedy, luck + sampled));
        }

        return results;
    }

    private static Verdict OnlyVerdict(List<MethodResult> results) => Assert.Single(new Comparison(results, "SFT").Verdicts());

    [Fact]
    public void Pairing_removes_what_a_seed_gives_to_both_methods()
    {
        // Differences .3, .4, .5: mean .4, s = .1, half-width 4.3027 · .1/√3 = .2484, though the methods' own spread is as wide as that.
        var comparison = new Comparison(Results(3, seed => (.2 + .1 * seed, 0)), "SFT");
        PairedDifference difference = comparison.Difference("DPR", "SFT", Decoding.Greedy);
        Assert.Equal(.4, difference.Estimate.Mean, 12);
        Assert.Equal(.2484, difference.Estimate.Interval.HalfWidth, 4);
        Assert.Equal((3, 0), (difference.Wins, difference.Ties));
        Assert.Equal(Outcome.Better, difference.Outcome);
    }

    [Fact]
    public void A_clear_gain_is_called_one()
    {
        Verdict verdict = OnlyVerdict(Results(5, seed => (.34 + .01 * (seed - 3), .2 + .01 * (seed - 3))));
        // s = .01 · √2.5, half-width 2.7764 · s/√5 = .0196
        Assert.Equal(
            "DPR beats SFT: +.340 [+.320, +.360] greedy, better in 5 of 5 seeds; +.200 [+.180, +.220] sampled, better in 5 of 5 seeds.",
            verdict.Text);
    }

    [Fact]
    public void A_clear_loss_is_called_one()
    {
        Verdict verdict = OnlyVerdict(Results(5, seed => (-.2 + .01 * seed, -.3 + .01 * seed)));
        Assert.StartsWith("DPR is worse than SFT: −.170", verdict.Text);
        Assert.Equal((Outcome.Worse, Outcome.Worse), (verdict.Greedy, verdict.Sampled));
    }

    [Fact]
    public void An_interval_that_includes_zero_is_no_clear_difference()
    {
        Verdict verdict = OnlyVerdict(Results(4, seed => (seed % 2 == 0 ? .1 : -.1, seed % 2 == 0 ? .1 : -.1)));
        Assert.StartsWith("DPR and SFT: no clear difference (both intervals include zero): ±.000", verdict.Text);
        Assert.Contains("better in 2 of 4 seeds", verdict.Text);
    }

    [Fact]
    public void Greedy_and_sampled_may_disagree()
    {
        Verdict verdict = OnlyVerdict(Results(4, seed => (seed % 2 == 0 ? .1 : -.1, .2 + .01 * seed)));
        Assert.StartsWith("DPR against SFT: no clear difference greedy, better sampled: ", verdict.Text);
    }

    [Fact]
    public void Two_seeds_give_no_interval_and_no_verdict()
    {
        var comparison = new Comparison(Results(2, _ => (.25, .125)), "SFT");
        Verdict verdict = Assert.Single(comparison.Verdicts());
        Assert.Equal(
            "DPR minus SFT: +.250 greedy, better in 2 of 2 seeds; +.125 sampled, better in 2 of 2 seeds.",
            verdict.Text);
        Assert.Equal(Outcome.Unmeasured, verdict.Greedy);
        Assert.Matches(@"\| +\.150 \|", comparison.AccuracyTable().ToMarkdown());
        Assert.Matches(@"\| +\+\.250 \|", comparison.DifferenceTable("SFT").ToMarkdown());
    }

    [Fact]
    public void Methods_are_compared_on_the_seeds_they_share()
    {
        List<MethodResult> results = Results(4, _ => (.1, double.NaN));
        results.RemoveAll(result => result is { Method: "DPR", Seed: 4 });
        var comparison = new Comparison(results, "SFT");
        Assert.Equal(3, comparison.Difference("DPR", "SFT", Decoding.Greedy).Estimate.Count);
        Assert.Equal(0, comparison.Difference("DPR", "SFT", Decoding.Sampled).Estimate.Count); // never measured
        Assert.Contains("3 of 3", comparison.DifferenceTable("SFT").ToMarkdown());
        Assert.DoesNotContain("NaN", comparison.AccuracyTable().ToMarkdown() + comparison.DifferenceTable("SFT").ToMarkdown());
    }

    [Fact]
    public void Baselines_are_compared_with_each_other_once()
    {
        var comparison = new Comparison(SampleReport.Results(5), "SFT", "continued SFT");
        (string, string)[] pairs = [.. comparison.Verdicts().Select(verdict => (verdict.Label, verdict.Baseline))];
        Assert.Contains(("continued SFT", "SFT"), pairs);
        Assert.DoesNotContain(("SFT", "continued SFT"), pairs);
        Assert.Equal(pairs.Length, pairs.Distinct().Count());
        Assert.All(comparison.Verdicts(["DPR (reference base)"]), verdict => Assert.Equal("DPR (reference base)", verdict.Label));
    }

    [Fact]
    public void Wrong_input_is_refused_by_name()
    {
        Assert.Contains("no results", Assert.Throws<ArgumentException>(() => new Comparison([], "SFT")).Message);
        Assert.Contains(
            "'SFT' has two results for seed 1",
            Assert.Throws<ArgumentException>(() => new Comparison([Result("SFT", 1, 0, 0), Result("SFT", 1, 0, 0)], "SFT")).Message);
        Assert.Contains(
            "'sft' is not among the methods: SFT",
            Assert.Throws<ArgumentException>(() => new Comparison([Result("SFT", 1, 0, 0)], "sft")).Message);
    }

    [Fact]
    public void Markdown_columns_line_up_and_bars_are_escaped()
    {
        var table = new ReportTable("", ["a|b", "Σ r̂"], [["x", "+1.00"], ["long name", "−10.00"]]);
        Assert.Equal(
            """
            | a\|b      |    Σ r̂ |
            | --------- | -----: |
            | x         |  +1.00 |
            | long name | −10.00 |

            """.ReplaceLineEndings("\n"),
            table.ToMarkdown());
    }

    [Theory]
    [InlineData(.35, ".350", "+.350")]
    [InlineData(-.0134, "−.013", "−.013")]
    [InlineData(1, "1.000", "+1.000")]
    [InlineData(-1.5, "−1.500", "−1.500")]
    [InlineData(10.05, "10.050", "+10.050")]
    [InlineData(-.0001, ".000", "±.000")]
    [InlineData(double.NaN, "–", "–")]
    public void Numbers_read_as_in_print(double value, string plain, string signed)
    {
        Assert.Equal(plain, Numbers.Fraction(value));
        Assert.Equal(signed, Numbers.SignedFraction(value));
    }
}
