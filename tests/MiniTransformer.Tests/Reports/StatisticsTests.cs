using MiniTransformer.Lab;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Reports;

public class StatisticsTests
{
    [Fact]
    public void Mean_and_standard_deviation_by_hand()
    {
        double[] values = [2, 4, 4, 4, 5, 5, 7, 9]; // mean 5, squares 32
        Assert.Equal(5, Statistics.Mean(values));
        Assert.Equal(Math.Sqrt(32.0 / 7), Statistics.StandardDeviation(values), 15);
        Assert.True(double.IsNaN(Statistics.Mean([])));
        Assert.True(double.IsNaN(Statistics.StandardDeviation([1])));
    }

    // From printed tables, which give three decimals.
    [Theory]
    [InlineData(1, 12.706)]
    [InlineData(2, 4.303)]
    [InlineData(3, 3.182)]
    [InlineData(4, 2.776)]
    [InlineData(9, 2.262)]
    [InlineData(30, 2.042)]
    [InlineData(120, 1.980)]
    public void Student_quantiles_are_those_of_the_tables(int degrees, double t) => Assert.Equal(t, Statistics.StudentQuantile(degrees), 3);

    [Fact]
    public void Student_interval_by_hand()
    {
        // mean 2, s = 1, n = 3: 2 ± 4.3027/√3
        Interval interval = Statistics.StudentInterval([1, 2, 3]);
        Assert.Equal(2 - 2.4841, interval.Low, 4);
        Assert.Equal(2 + 2.4841, interval.High, 4);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Fewer_than_three_values_have_no_interval(int count)
    {
        double[] values = [.. Enumerable.Range(0, count).Select(i => (double)i)];
        Assert.False(Statistics.StudentInterval(values).IsAvailable);
        Assert.False(Statistics.BootstrapInterval(values).IsAvailable);
        Assert.False(Statistics.StudentInterval(values).ExcludesZero);
    }

    [Fact]
    public void Bootstrap_is_a_function_of_its_seed()
    {
        // Five values have so few different resamples that two seeds often agree; twenty have enough.
        double[] values = [.. Enumerable.Range(1, 20).Select(i => Math.Sqrt(i))];
        Assert.Equal(Statistics.BootstrapInterval(values, seed: 7), Statistics.BootstrapInterval(values, seed: 7));
        Assert.NotEqual(Statistics.BootstrapInterval(values, seed: 7), Statistics.BootstrapInterval(values, seed: 8));
    }

    [Fact]
    public void Bootstrap_and_Student_agree_on_many_values()
    {
        // n = 400: t is 1.966 against 1.960, √(n/(n−1)) adds .1%, and 10,000 resamples leave about 2% in a 2.5% quantile.
        var rng = new Rng(5);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => rng.NextNormal())];
        Interval student = Statistics.StudentInterval(values), bootstrap = Statistics.BootstrapInterval(values);
        Assert.InRange(bootstrap.HalfWidth / student.HalfWidth, .95, 1.05);
    }

    // Coverage: how often the interval holds the true mean, which is 0 by construction. The expected numbers are those of the table in
    // the remarks of Statistics. 4000 experiments have a standard error of at most √(.25 · .75 / 4000) = .007; three of them, and half
    // of the last printed digit, make .026.
    [Theory]
    [InlineData(3, false, .75, .95)]
    [InlineData(5, false, .83, .95)]
    [InlineData(10, false, .90, .95)]
    [InlineData(3, true, .69, .88)]
    [InlineData(5, true, .78, .88)]
    [InlineData(10, true, .86, .90)]
    public void Percentile_bootstrap_covers_too_little_with_few_seeds_and_Student_covers_better(
        int seeds, bool skewed, double ofBootstrap, double ofStudent)
    {
        const int Experiments = 4000;
        const double Tolerance = .026;
        var rng = new Rng(2024, (ulong)seeds);
        int bootstrap = 0, student = 0;
        double[] values = new double[seeds];
        for (int e = 0; e < Experiments; e++)
        {
            for (int i = 0; i < seeds; i++) values[i] = skewed ? -Math.Log(1 - rng.NextDouble()) - 1 : rng.NextNormal();
            if (!Statistics.BootstrapInterval(values, seed: (ulong)e, resamples: 1000).ExcludesZero) bootstrap++;
            if (!Statistics.StudentInterval(values).ExcludesZero) student++;
        }

        Assert.InRange((double)bootstrap / Experiments, ofBootstrap - Tolerance, ofBootstrap + Tolerance);
        Assert.InRange((double)student / Experiments, ofStudent - Tolerance, ofStudent + Tolerance);
    }
}
