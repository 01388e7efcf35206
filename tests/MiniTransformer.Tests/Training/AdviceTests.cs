using System.Text.Json;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Training;

public class AdviceTests
{
    [Theory]
    [InlineData(.30, .10, .05, AdviceAction.RunDpr, "base", .30)]
    [InlineData(.10, .30, .05, AdviceAction.RunDpr, "half", .30)]
    [InlineData(.10, .10, .05, AdviceAction.RunDpr, "base", .10)] // of equals the first
    [InlineData(.10, .05, .10, AdviceAction.RunDpr, "base", .10)] // continued SFT has to be larger
    [InlineData(.10, .05, .11, AdviceAction.ContinueSft, null, .11)]
    [InlineData(.01, -.2, -.1, AdviceAction.Stop, null, 0)] // it must exceed the threshold, not reach it
    [InlineData(.011, -.2, -.1, AdviceAction.RunDpr, "base", .011)]
    [InlineData(-.3, -.2, .01, AdviceAction.Stop, null, 0)]
    [InlineData(-.3, -.2, .02, AdviceAction.ContinueSft, null, .02)]
    public void The_rule_takes_the_largest_gain_above_the_threshold(
        double fromBase, double fromHalf, double continued, AdviceAction action, string? reference, double gain) =>
        Assert.Equal((action, reference, gain), Advice.Decide([("base", fromBase), ("half", fromHalf)], continued, .01));

    [Fact]
    public void The_rule_does_without_what_was_not_tried()
    {
        Assert.Equal((AdviceAction.RunDpr, "a", .2), Advice.Decide([("a", .2)], null, .01));
        Assert.Equal((AdviceAction.ContinueSft, null, .2), Advice.Decide([], .2, .01));
        Assert.Equal((AdviceAction.Stop, null, 0), Advice.Decide([], null, .01));
    }

    [Fact]
    public void Advice_is_plain_data_that_a_file_can_hold()
    {
        AdvisedPolicy[] rows =
        [
            new(AdvisedKind.Sft, "SFT", .25, .2, 0, 0, 0),
            new(AdvisedKind.Reference, "base", .5, .3, .25, .1, .1) { Alpha = 1 },
            new(AdvisedKind.ContinuedSft, "continued SFT", .25, .25, 0, double.NaN, .05),
        ];
        Advice advice = Advisor.Decide(rows, AdviceScore.Accuracy, 8, new AdvisorOptions());
        Advice read = JsonSerializer.Deserialize<Advice>(JsonSerializer.Serialize(advice, RunDirectory.Json), RunDirectory.Json)!;
        Assert.Equal(advice, read with { Policies = advice.Policies });
        Assert.Equal(advice.Policies, read.Policies);
        Assert.Equal(AdviceAction.RunDpr, read.Action);
        Assert.Equal(rows[1], read.Chosen);
        Assert.Equal(75, read.ContinuedSteps);
    }
}
