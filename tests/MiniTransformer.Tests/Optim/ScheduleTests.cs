using MiniTransformer.Optim;

namespace MiniTransformer.Tests.Optim;

public class ScheduleTests
{
    [Theory]
    [InlineData(0, 0.25)] // warm-up: (step + 1)/4 of the peak
    [InlineData(1, 0.5)]
    [InlineData(3, 1)]
    [InlineData(4, 1)] // the cosine begins at the peak
    [InlineData(8, 0.1 + 0.9 * 0.5)] // half-way: the mean of peak and final rate
    [InlineData(12, 0.1)] // at the end: the final fraction
    public void Warm_up_then_half_a_cosine(int step, double fraction) =>
        Assert.Equal(2e-3 * fraction, Schedule.Cosine(2e-3, warmupSteps: 4, finalFraction: 0.1).At(step, total: 12), 1e-15);

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(99, 1)]
    public void A_constant_rate_after_warm_up(int step, double fraction) =>
        Assert.Equal(3e-4 * fraction, Schedule.Constant(3e-4, warmupSteps: 2).At(step, total: 100), 1e-15);

    [Fact]
    public void Without_warm_up_the_first_step_has_the_peak_rate() => Assert.Equal(1.0, Schedule.Cosine(1, 0, 0).At(0, total: 10), 1e-15);
}
