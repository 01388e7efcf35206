using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class AdvisorStatisticsTests
{
    // Four cases, worked by hand. The rule (threshold .01) chooses in a: base; in b: half, wrongly; in c: to stop, though base would gain;
    // in d: continued SFT.
    private static readonly AdvisorRecord[] Records =
    [
        new("a", 1, [new("base", .30, .34), new("half", -.02, .01)], new("continued SFT", .05, .02)),
        new("b", 1, [new("base", .01, .02), new("half", .04, -.12)]),
        new("b", 2, [new("base", .005, .10), new("half", -.10, 0)], new("continued SFT", -.01, .01)),
        new("c", 1, [new("base", -.20, -.16)], new("continued SFT", .06, .08)),
    ];

    private static readonly AdvisorStatistics Computed = AdvisorStatistics.Of(Records);

    [Fact]
    public void Signs_are_counted_where_there_is_one()
    {
        // Hits: base in all four cases; misses: half in a and in b1; half in b2 reached 0 and has no sign.
        Assert.Equal(new HitRate(4, 6), Computed.Signs);

        // More than .03 either way: a base, b1 half, b2 base, c base; all but b1's half are hits.
        Assert.Equal(new HitRate(3, 4), Computed.LargeSigns);
        Assert.Equal(.75, Computed.LargeSigns.Rate);
        Assert.Equal(new HitRate(0, 1), AdvisorStatistics.Of([new("x", 1, [new("base", 0, .2)])]).Signs);
    }

    [Fact]
    public void Regret_is_what_the_rules_choices_cost()
    {
        Assert.Equal([.34, -.12, 0, .08], Records.Select(r => AdvisorStatistics.Chosen(r)));
        Assert.Equal([.34, .02, .10, .08], Records.Select(AdvisorStatistics.Best));
        Assert.Equal(.30 / 4, Computed.Gain, 12);
        Assert.Equal(.54 / 4, Computed.BestGain, 12);
        Assert.Equal(.24 / 4, Computed.Regret, 12);
        Assert.Equal(4, Computed.Cases);

        // A threshold below .005 runs DPR in b2.
        Assert.Equal(.10, AdvisorStatistics.Chosen(Records[2], threshold: .004));

        // Stopping is always a choice: the best is never below 0.
        Assert.Equal(0, AdvisorStatistics.Best(new("x", 1, [new("base", .2, -.3)])));
    }

    [Fact]
    public void Always_taking_one_reference_is_compared_where_it_is_there()
    {
        FixedChoice fromBase = Computed.Fixed[0], half = Computed.Fixed[1];
        Assert.Equal(("base", 4), (fromBase.Reference, fromBase.Cases));
        Assert.Equal((.34 + .02 + .10 - .16) / 4, fromBase.Gain, 12);
        Assert.Equal(("half", 3), (half.Reference, half.Cases));
        Assert.Equal((.01 - .12 + 0) / 3, half.Gain, 12);
        Assert.Equal((.34 + .02 + .10) / 3 - (.01 - .12) / 3, half.Regret, 12);
    }

    [Fact]
    public void The_correlation_is_pearsons()
    {
        // x = 1 2 3 4, y = 1 3 2 4: Σ xy about the means is 4, Σ xx and Σ yy are 5, r = .8
        AdvisorRecord[] four = [.. new[] { 1.0, 3, 2, 4 }.Select((y, i) => new AdvisorRecord("x", (ulong)i, [new("base", i + 1, y)]))];
        Assert.Equal(.8, AdvisorStatistics.Of(four).Correlation, 12);
        Assert.True(double.IsNaN(AdvisorStatistics.Of(four[..1]).Correlation));
    }

    [Fact]
    public void Records_that_say_nothing_or_the_same_twice_are_refused()
    {
        Assert.Throws<ArgumentException>(() => AdvisorStatistics.Of([]));
        Assert.Contains("'b' with seed 2 came twice",
            Assert.Throws<ArgumentException>(() => AdvisorStatistics.Of([.. Records, Records[2]])).Message, StringComparison.Ordinal);
    }
}
