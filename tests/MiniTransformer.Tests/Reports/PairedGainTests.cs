using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class PairedGainTests
{
    [Fact]
    public void A_difference_of_two_in_four_hundred_is_none_that_so_many_prompts_can_show()
    {
        // .528 → .533: 211 and 213 of 400, of which 20 and 22 differ.
        var gain = new PairedGain(400, Won: 22, Lost: 20);
        Assert.Equal(.005, gain.Mean, 12);
        Assert.Equal(Outcome.Unclear, gain.Outcome);
        Assert.True(gain.Interval.Low < 0 && gain.Interval.High > 0);
    }

    // p of McNemar's exact test: 2 Σ_{k ≥ n} C(m, k) / 2^m.
    [Theory]
    [InlineData(5, 0, Outcome.Unclear)] // p = 2/32 = .0625
    [InlineData(6, 0, Outcome.Better)] // p = 2/64 = .03125
    [InlineData(0, 6, Outcome.Worse)]
    [InlineData(8, 1, Outcome.Better)] // p = 20/512 = .039
    [InlineData(7, 1, Outcome.Unclear)] // p = 18/256 = .070
    [InlineData(0, 0, Outcome.Unclear)]
    public void The_interval_leaves_out_zero_where_McNemars_exact_test_rejects(int won, int lost, Outcome expected)
    {
        Assert.Equal(expected, new PairedGain(100, won, lost).Outcome);
        int m = won + lost, n = Math.Max(won, lost);
        double p = m == 0 ? 1 : Math.Min(1, 2 * Enumerable.Range(n, m - n + 1).Sum(k => Choose(m, k)) / Math.Pow(2, m));
        Assert.Equal(p < .05, expected is not Outcome.Unclear);

        static double Choose(int m, int k) => Enumerable.Range(1, k).Aggregate(1.0, (c, i) => c * (m - k + i) / i);
    }

    [Fact]
    public void The_interval_is_Clopper_and_Pearsons()
    {
        // 6 of 6: the lower end of p is .025^(1/6) = .5407; of 100 prompts (2 p − 1) · 6/100.
        Interval interval = new PairedGain(100, 6, 0).Interval;
        Assert.Equal((2 * Math.Pow(.025, 1 / 6.0) - 1) * .06, interval.Low, 9);
        Assert.Equal(.06, interval.High, 12);
        Interval mirrored = new PairedGain(100, 0, 6).Interval;
        Assert.Equal((-interval.High, -interval.Low), (mirrored.Low, mirrored.High));
    }

    [Fact]
    public void Prompts_are_paired_one_with_one()
    {
        Assert.Equal(new PairedGain(4, 1, 2), PairedGain.Of([true, true, false, true], [false, true, true, false]));
        Assert.Throws<ArgumentException>(() => PairedGain.Of([true], [true, false]));
    }
}
