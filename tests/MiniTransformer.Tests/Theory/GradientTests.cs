using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

/// <summary>Every hand-derived gradient against central differences, and dual numbers against known derivatives.</summary>
public class GradientTests
{
    // Central differences err by h² f‴/6 ≈ 1e−8 and by rounding 1e−16/h = 1e−12; relative to gradients of order 1.
    private const double Step = 1e-4;
    private const double Tolerance = 1e-6;

    private static readonly MdpDraw[] MildDraws =
    [
        .. Enumerable.Range(0, 400).Select(seed => MdpDraw.Random(new Random(seed)))
            .Where(d => d.Mdp.StateCount is > 1 and < 20)
            .Where(d => new[] { d.Expert, d.Reference, d.Policy }.All(table => Identity.Size(table) < 12)).Take(40),
    ];

    [Fact]
    public void The_draws_are_enough_to_tell()
    {
        Assert.Equal(40, MildDraws.Length);
        Assert.Contains(MildDraws, d => d.Mdp.Discount < 1 && d.Demonstrations.Any(y => y.Length > 2));
        Assert.Contains(MildDraws, d => d.Expert.Any(row => row.Any(double.IsNegativeInfinity)));
    }

    [Fact]
    public void Inverse_Q_gradients_equal_finite_differences_for_both_phi()
    {
        foreach (MdpDraw draw in MildDraws)
        {
            foreach (Phi phi in new[] { Phi.Linear, Phi.ChiSquared(draw.Alpha) })
            {
                Response y = draw.Demonstrations[0];
                (double gamma, double[][] logits) = (draw.Mdp.Discount, y.Rows(draw.Expert));
                double[][] gradient = InverseSoftQ.Gradient(logits, y.Tokens, gamma, phi);
                AssertGradient(logits, x => InverseSoftQ.Objective(x, y.Tokens, gamma, phi), gradient);
            }
        }
    }

    [Fact]
    public void Cross_entropy_gradients_equal_finite_differences()
    {
        foreach (MdpDraw draw in MildDraws)
        {
            Response y = draw.Demonstrations[0];
            (double gamma, double[][] logits) = (draw.Mdp.Discount, y.Rows(draw.Expert));
            AssertGradient(logits, x => CrossEntropy.Loss(x, y.Tokens, gamma), CrossEntropy.Gradient(logits, y.Tokens, gamma));
        }
    }

    [Fact]
    public void The_gradient_of_the_exact_objective_equals_finite_differences()
    {
        foreach (MdpDraw draw in MildDraws)
        {
            AssertGradient(
                draw.Policy,
                x => ExactPolicyGradient.Objective(draw.Mdp, x, draw.Reward, draw.Beta, draw.LogExpert),
                ExactPolicyGradient.OfObjective(draw.Mdp, draw.Policy, draw.Reward, draw.Beta, draw.LogExpert));
        }
    }

    [Fact]
    public void The_recursive_objective_equals_the_enumerated_one()
    {
        foreach (MdpDraw draw in MildDraws)
        {
            double recursive = ExactPolicyGradient.Objective(draw.Mdp.WithDiscount(1), draw.Policy, draw.Reward, draw.Beta, draw.LogExpert);
            double enumerated = RegularizedOptimum.Objective(draw.Mdp, draw.LogPolicy, draw.LogExpert, draw.Reward, draw.Beta);
            Assert.Equal(enumerated, recursive, 1e-9 * Math.Max(1, Math.Abs(enumerated)));
        }
    }

    [Fact]
    public void The_weights_of_a_response_are_its_returns()
    {
        var mdp = new TokenMdp(vocabulary: 2, horizon: 3, discount: 0.5);
        double[][] reward = mdp.Table((s, a) => (10 * s) + a);
        Response y = ResponseEnumeration.Follow(mdp, 1, 0, 1); // states 0, 2, 5: rewards 1, 20, 51
        Assert.Equal([72, 72, 72], ExactPolicyGradient.WholePath(reward)(y));
        Assert.Equal([72, 71, 51], ExactPolicyGradient.ReturnToGo(reward)(y));
        Assert.Equal([23.75, 45.5, 51], ExactPolicyGradient.ReturnToGo(reward, 0.5)(y));
        Assert.Equal([71, 68, 45], ExactPolicyGradient.ReturnToGo(reward, 1, [1, 2, 3, 4, 5, 6, 7, 0])(y)); // minus 1, 3, 6
        Assert.Equal(1 + 10 + 12.75, ResponseEnumeration.Return(reward, y, 0.5));
    }

    [Fact]
    public void Dual_numbers_follow_the_rules_of_calculus()
    {
        var x = new Dual(1.5, 1); // the variable itself
        Assert.Equal(new Dual(2.25, 3), x * x);
        Assert.Equal(new Dual(0.5, 0), x - new Dual(1, 1));
        Assert.Equal(new Dual(3.5, 1), x + 2);
        Assert.Equal(Math.Exp(1.5), Dual.Exp(x).Slope);
        Assert.Equal(1 / 1.5, Dual.Log(x).Slope);

        // ∂ log π(a)/∂x_b = 1[a = b] − π(b), with π = (1/4, 3/4).
        Dual[] logPolicy = Dual.LogSoftmax([new Dual(0, 1), Math.Log(3), double.NegativeInfinity]);
        Assert.Equal([0.75, -0.25, 0], logPolicy.Select(p => p.Slope), (p, q) => Math.Abs(p - q) < 1e-15);
    }

    [Fact]
    public void Whitened_returns_do_not_see_the_size_of_the_reward()
    {
        // One token from {0, 1}, batches of two, all four enumerated: returns are shifted by their mean and divided by their deviation.
        // A tenfold reward has a tenfold gradient, but the same whitened one: whitening is not unbiased.
        var mdp = new TokenMdp(vocabulary: 2, horizon: 1);
        double[][] logPolicy = SoftBellman.LogPolicy([[0, Math.Log(3)]]);
        double Whitened(double reward)
        {
            double gradient = 0;
            for (int first = 0; first < 2; first++)
            {
                for (int second = 0; second < 2; second++)
                {
                    double mean = reward * (first + second) / 2, deviation = reward * Math.Abs(first - second) / 2;
                    if (deviation == 0) continue;
                    double probability = Math.Exp(logPolicy[0][first] + logPolicy[0][second]);
                    foreach (int a in new[] { first, second }) gradient += probability * ((reward * a) - mean) / deviation * (a - 0.75) / 2;
                }
            }

            return gradient;
        }

        double Unbiased(double reward) => ExactPolicyGradient.Expected(mdp, logPolicy, ExactPolicyGradient.WholePath([[0, reward]]))[0][1];
        Assert.Equal(10 * Unbiased(1), Unbiased(10), 1e-12);
        Assert.Equal(Whitened(1), Whitened(10), 1e-12);
        Assert.Equal(0.1875, Unbiased(1), 1e-12); // π(0) π(1)
    }

    private static void AssertGradient(double[][] point, Func<double[][], double> f, double[][] gradient)
    {
        for (int s = 0; s < point.Length; s++)
        {
            for (int a = 0; a < point[s].Length; a++)
            {
                if (double.IsNegativeInfinity(point[s][a])) continue;
                double[][] up = [.. point.Select(row => row.ToArray())], down = [.. point.Select(row => row.ToArray())];
                up[s][a] += Step;
                down[s][a] -= Step;
                double difference = (f(up) - f(down)) / (2 * Step);
                Assert.Equal(difference, gradient[s][a], Tolerance * Math.Max(1, Math.Abs(difference)));
            }
        }
    }
}
