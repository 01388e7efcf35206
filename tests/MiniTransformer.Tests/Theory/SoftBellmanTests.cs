using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

public class SoftBellmanTests
{
    private const double Forbidden = double.NegativeInfinity;

    [Theory]
    [InlineData(new[] { 0.0, 0, 0 }, 1.0986122886681098)]               // log 3
    [InlineData(new[] { 700.0, 700 }, 700.69314718055995)]              // 700 + log 2
    [InlineData(new[] { 800.0, 800 }, 800.69314718055995)]              // exp 800 = ∞ in double
    [InlineData(new[] { -800.0, -800 }, -799.30685281944005)]           // exp −800 = 0 in double
    [InlineData(new[] { -700.0, -700 }, -699.30685281944005)]
    [InlineData(new[] { 700.0, -700 }, 700)]
    [InlineData(new[] { Forbidden, 1.0, Forbidden }, 1)]
    [InlineData(new[] { Forbidden, Forbidden }, Forbidden)]
    public void Log_sum_exp_is_stable_and_ignores_forbidden_tokens(double[] x, double expected) =>
        Assert.Equal(expected, SoftBellman.LogSumExp(x), 1e-12); // 700 in double has a spacing of 1e−13

    [Fact]
    public void Forbidden_tokens_have_no_probability_no_gradient_and_no_NaN()
    {
        var mdp = new TokenMdp(vocabulary: 3, horizon: 2, endToken: 0, discount: 0.9);
        double[][] q = mdp.Table((s, a) => a == 1 ? Forbidden : s - a);
        double[][] logPolicy = SoftBellman.LogPolicy(q);
        Response y = ResponseEnumeration.Follow(mdp, 2, 2);

        Assert.All(logPolicy, row => Assert.Equal(Forbidden, row[1]));
        Assert.All(logPolicy, row => Assert.Equal(1, Math.Exp(row[0]) + Math.Exp(row[2]), 1e-15));
        Assert.All(SoftBellman.Inverse(mdp, q), row => Assert.Equal(Forbidden, row[1]));
        Assert.All(BaselineReward.Of(logPolicy, logPolicy), row => Assert.Equal([0, Forbidden, 0], row));
        Assert.All(InverseSoftQ.Gradient(y.Rows(q), y.Tokens, 0.9, Phi.Linear), row => Assert.Equal(0, row[1]));
        Assert.All(CrossEntropy.Gradient(y.Rows(q), y.Tokens, 0.9), row => Assert.Equal(0, row[1]));
        Assert.All(ExactPolicyGradient.OfObjective(mdp, q, logPolicy, 0.5, logPolicy), row => Assert.Equal(0, row[1]));
    }

    [Fact]
    public void A_state_without_any_allowed_token_is_refused()
    {
        var mdp = new TokenMdp(vocabulary: 2, horizon: 2);
        double[][] q = mdp.Table((s, _) => s == 2 ? Forbidden : 0);
        string message = Assert.Throws<ArgumentException>(() => SoftBellman.Values(mdp, q)).Message;
        Assert.Contains("after tokens [1]; needed at least one finite logit", message);
        Assert.Throws<ArgumentException>(() => SoftBellman.Values(mdp, mdp.Table((_, _) => double.NaN)));
    }

    [Fact]
    public void The_forward_operator_undoes_the_inverse_one()
    {
        foreach (MdpDraw draw in Enumerable.Range(0, 100).Select(seed => MdpDraw.Random(new Random(seed))))
        {
            double[][] r = SoftBellman.Inverse(draw.Mdp, draw.Expert);
            double[][] q = SoftBellman.Forward(draw.Mdp, r, SoftBellman.Values(draw.Mdp, draw.Expert));
            Assert.Equal(0, Identity.Error(q, draw.Expert, Identity.Size(draw.Expert)), 1e-14); // Q − γV + γV: rounded a few times
        }
    }

    [Fact]
    public void The_empty_response_has_value_zero_everywhere()
    {
        var mdp = new TokenMdp(vocabulary: 3, horizon: 0);
        Response empty = Assert.Single(ResponseEnumeration.All(mdp));
        Assert.Equal(0, empty.Length);
        Assert.Equal([0], SoftBellman.Values(mdp, []));
        Assert.Equal(0, InverseSoftQ.Objective([], [], 1, Phi.Linear));
        Assert.Equal(0, CrossEntropy.Loss([], []));
        Assert.Equal(0, ResponseEnumeration.Kl(mdp, [], []));
        Assert.Equal(0, ExactPolicyGradient.Objective(mdp, [], [], 1, []));
    }

    [Fact]
    public void A_potential_on_the_terminal_state_is_refused()
    {
        var mdp = new TokenMdp(vocabulary: 2, horizon: 2, endToken: 1);
        var error = Assert.Throws<ArgumentException>(() => PotentialShaping.Shape(mdp, mdp.Table((_, _) => 0), [0, 0, 1]));
        Assert.Contains("the terminal state has potential 1", error.Message);
    }
}
