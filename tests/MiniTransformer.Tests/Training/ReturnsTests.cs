using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class ReturnsTests
{
    // Three responses of 3, 1 and 2 tokens.
    private static readonly float[] Rewards = [1, 2, -4, 5, 3, -1];
    private static readonly int[] Starts = [0, 3, 4, 6];

    [Fact]
    public void Return_to_go_sums_from_the_token_to_the_end_of_its_response() =>
        Assert.Equal([-1, -2, -4, 5, 2, -1], Returns.ToGo(Rewards, Starts, gamma: 1));

    [Fact]
    public void Discount_weighs_later_rewards_less() => // 1 + ½(2 + ½(−4)) = 1;  2 + ½(−4) = 0;  3 + ½(−1) = 2.5
        Assert.Equal([1, 0, -4, 5, 2.5f, -1], Returns.ToGo(Rewards, Starts, gamma: 0.5));

    [Fact]
    public void Without_future_a_return_is_its_reward() => Assert.Equal(Rewards, Returns.ToGo(Rewards, Starts, gamma: 0));

    [Fact]
    public void The_whole_path_pays_every_token_the_same() => Assert.Equal([-1, -1, -1, 5, 2, 2], Returns.WholePath(Rewards, Starts));

    [Fact]
    // position 0: (1 + 5 + 3)/3 = 3;  1: (2 − 1)/2 = ½;  2: −4
    public void The_baseline_is_the_mean_over_responses_that_reach_the_position() =>
        Assert.Equal([-2, 1.5f, 0, 2, 0, -1.5f], Returns.MinusPositionMean(Rewards, Starts));

    [Fact]
    public void Leave_one_out_compares_a_reward_with_the_mean_of_the_others_in_its_group() =>
        Assert.Equal([2 / 3.0, -2 / 3.0, 2 / 3.0, -2 / 3.0, 0, 0, 0, 0, 4, -4 / 3.0, -4 / 3.0, -4 / 3.0],
            Returns.LeaveOneOut([1, 0, 1, 0, 5, 5, 5, 5, 4, 0, 0, 0], 4), (a, b) => Math.Abs(a - b) < 1e-12);

    [Fact]
    public void The_leave_one_out_baseline_of_a_response_does_not_move_with_its_own_reward()
    {
        double[] rewards = [0.3, -1, 2, 0.7, 4, -2], before = Returns.LeaveOneOut(rewards, 3);
        for (int i = 0; i < rewards.Length; i++)
        {
            double[] changed = [.. rewards];
            changed[i] += 10;
            double[] after = Returns.LeaveOneOut(changed, 3);
            Assert.Equal(before[i] + 10, after[i], 1e-12);
            for (int j = 0; j < rewards.Length; j++) if (j != i) Assert.Equal(before[j] - (j / 3 == i / 3 ? 5 : 0), after[j], 1e-12);
        }

        Assert.Throws<ArgumentException>(() => Returns.LeaveOneOut(rewards, 1));
        Assert.Throws<ArgumentException>(() => Returns.LeaveOneOut(rewards, 4));
    }

    [Fact]
    public void Whitening_divides_by_the_root_mean_square()
    {
        float[] advantages = [3, -4, 0, 5]; // √(50/4) = 3.5355
        Returns.DivideByRms(advantages);
        Assert.Equal([0.848528f, -1.131371f, 0, 1.414214f], advantages, (a, b) => MathF.Abs(a - b) < 1e-6f);
        float[] equal = [0, 0];
        Returns.DivideByRms(equal);
        Assert.Equal([0, 0], equal);
    }

    [Fact]
    public void An_empty_response_has_no_returns() => Assert.Equal([2, 1], Returns.ToGo([1, 1], [0, 0, 2, 2], gamma: 1));
}
