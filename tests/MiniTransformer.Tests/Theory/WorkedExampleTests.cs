using System.Globalization;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

/// <summary>
/// The worked example of Theory/README.md: tokens a = 0 and . = 1, which ends; two steps; the expert has odds 3 : 1 and 1 : 4.
/// Every number printed there is computed here; every number computed here is printed there.
/// </summary>
public class WorkedExampleTests
{
    private static readonly TokenMdp Mdp = new(vocabulary: 2, horizon: 2, endToken: 1);
    private static readonly double[][] Q = [[Math.Log(3), 0], [0, Math.Log(4)]];
    private static readonly double[][] LogSft = SoftBellman.LogPolicy(Q), LogRef = SoftBellman.LogPolicy([[0, 0], [0, 0]]);
    private static readonly double[][] Rhat = BaselineReward.Of(LogSft, LogRef);
    private static readonly Response[] Responses =
        [ResponseEnumeration.Follow(Mdp, 1), ResponseEnumeration.Follow(Mdp, 0, 1), ResponseEnumeration.Follow(Mdp, 0, 0)];
    private static readonly Response Demonstration = Responses[1];

    [Fact]
    public void Every_number_in_the_README_is_the_computed_one()
    {
        Dictionary<string, double[]> computed = Compute(), printed = Printed();
        Assert.Equal(computed.Keys.Order(), printed.Keys.Order());
        foreach ((string name, double[] values) in computed)
        {
            Assert.True(values.Length == printed[name].Length, $"{name}: {values.Length} numbers, {printed[name].Length} in the README.");
            for (int i = 0; i < values.Length; i++)
            {
                // Four decimals are printed, so half of the last one is the error allowed.
                Assert.True(
                    Math.Abs(values[i] - printed[name][i]) <= 0.5e-4 + 1e-12,
                    $"{name}: {values[i]:F6}, in the README {printed[name][i]:F4}.");
            }
        }
    }

    [Fact]
    public void Every_file_of_the_theory_is_linked_from_the_README_and_every_link_leads_to_a_file()
    {
        string readme = File.ReadAllText(Path.Combine(Folder(), "README.md"));
        string[] files = [.. Directory.GetFiles(Folder(), "*.cs").Select(path => Path.GetFileName(path))];
        Assert.All(files, file => Assert.Contains($"[{file}]({file})", readme));
        foreach (string link in readme.Split("](").Skip(1).Select(rest => rest.Split(')')[0]))
        {
            Assert.True(File.Exists(Path.Combine(Folder(), link)), link);
        }
    }

    private static Dictionary<string, double[]> Compute()
    {
        double[] v = SoftBellman.Values(Mdp, Q);
        double[][] pi = Exp(LogSft), r = SoftBellman.Inverse(Mdp, Q);
        (double[][] qUnderLog, double[] vUnderLog) = SoftBellman.BackwardInduction(Mdp, LogSft);
        Assert.Equal(LogSft, qUnderLog, (x, y) => Identity.Error([x], [y]) < 1e-12);

        double[][] rows = Demonstration.Rows(Q);
        int[] tokens = Demonstration.Tokens;
        double[][] gradient = InverseSoftQ.Gradient(rows, tokens, 1, Phi.Linear);
        double[] rewards = InverseSoftQ.Rewards(rows, tokens, 1);

        (var optimum, double logZ) = RegularizedOptimum.ByResponses(Mdp, LogSft, LogRef, beta: 1);
        double[][] logOptimum = RegularizedOptimum.ByTokens(Mdp, LogSft, Rhat, beta: 1);
        double LogOptimum(Response y) => optimum.Single(p => p.Response.Tokens.SequenceEqual(y.Tokens)).LogProbability;

        double[][] wrong = SoftBellman.BackwardInduction(Mdp, Mdp.Table((s, a) => r[s][a] + 0.1)).Q;
        double[][] g = Reinforce(1), discounted = Reinforce(0.5);
        double[][] advantages = PerformanceDifference.Advantages(Mdp, LogRef, Rhat);

        double[] uniform = LogRef[1], sft = LogSft[1], logRho = [sft[0] - uniform[0], sft[1] - uniform[1]];
        double Mean(Func<double, double, double> k) => KlEstimators.Expectation(uniform, sft, k);

        return new Dictionary<string, double[]>
        {
            ["Q(start)"] = Q[0],
            ["Q(after a)"] = Q[1],
            ["V(start)"] = [v[0]],
            ["V(after a)"] = [v[1]],
            ["π(start)"] = pi[0],
            ["π(after a)"] = pi[1],
            ["π(., a., aa)"] = PerResponse(y => Math.Exp(ResponseEnumeration.LogProbability(LogSft, y))),
            ["r(start)"] = r[0],
            ["r(after a)"] = r[1],
            ["exp Σ r(., a., aa)"] = PerResponse(y => Math.Exp(ResponseEnumeration.Return(r, y, 1))),
            ["J linear"] = [InverseSoftQ.Objective(rows, tokens, 1, Phi.Linear)],
            ["log π(a.)"] = [-CrossEntropy.Loss(rows, tokens)],
            ["∂J/∂Q(start)"] = gradient[0],
            ["∂J/∂Q(after a)"] = gradient[1],
            ["J χ², α = ½"] = [InverseSoftQ.Objective(rows, tokens, 1, Phi.ChiSquared(0.5))],
            ["J linear, γ = ½"] = [InverseSoftQ.Objective(rows, tokens, 0.5, Phi.Linear)],
            ["J linear, cut after a"] = [rewards[0] - v[0]],
            ["log π(start)"] = PotentialShaping.Shape(Mdp, r, v)[0],
            ["log π(after a)"] = PotentialShaping.Shape(Mdp, r, v)[1],
            ["V under log π"] = vUnderLog[..2],
            ["r̂(start)"] = Rhat[0],
            ["r̂(after a)"] = Rhat[1],
            ["Σ r̂(., a., aa)"] = PerResponse(y => ResponseEnumeration.Return(Rhat, y, 1)),
            ["E_SFT Σ r̂"] = [PerformanceDifference.Performance(Mdp, LogSft, Rhat)],
            ["KL(SFT‖ref)"] = [ResponseEnumeration.Kl(Mdp, LogSft, LogRef)],
            ["E_ref Σ r̂"] = [PerformanceDifference.Performance(Mdp, LogRef, Rhat)],
            ["KL(ref‖SFT)"] = [ResponseEnumeration.Kl(Mdp, LogRef, LogSft)],
            ["weights(., a., aa)"] = PerResponse(y => Math.Exp(LogOptimum(y) + logZ)),
            ["log Z"] = [logZ],
            ["π*(., a., aa)"] = PerResponse(y => Math.Exp(ResponseEnumeration.LogProbability(logOptimum, y))),
            ["J(π*)"] = [RegularizedOptimum.Objective(Mdp, logOptimum, LogSft, Rhat, beta: 1)],
            ["J(SFT)"] = [RegularizedOptimum.Objective(Mdp, LogSft, LogSft, Rhat, beta: 1)],
            ["KL(SFT‖π*)"] = [ResponseEnumeration.Kl(Mdp, LogSft, logOptimum)],
            ["Q* error(start)"] = [wrong[0][0] - Q[0][0], wrong[0][1] - Q[0][1]],
            ["Q* error(after a)"] = [wrong[1][0] - Q[1][0], wrong[1][1] - Q[1][1]],
            ["π error(start), L1"] = [Stability.PolicyBound(Q[0], wrong[0]).Left],
            ["g(start)"] = g[0],
            ["g(after a)"] = g[1],
            ["g(start), γ = ½"] = discounted[0],
            ["k1(a, .)"] = [.. logRho.Select(x => KlEstimators.K1(x))],
            ["k2(a, .)"] = [.. logRho.Select(x => KlEstimators.K2(x))],
            ["k3(a, .)"] = [.. logRho.Select(x => KlEstimators.K3(x))],
            ["E k1"] = [Mean(KlEstimators.K1)],
            ["E k2"] = [Mean(KlEstimators.K2)],
            ["E k3"] = [Mean(KlEstimators.K3)],
            ["KL(uniform‖SFT)"] = [KlEstimators.Exact([0, 0], Q[1])],
            ["∇ of k1 as reward"] = KlEstimators.GradientOfK1AsReward(uniform, sft),
            ["∇ of k1 as loss"] = KlEstimators.GradientOfK1AsLoss(uniform),
            ["A_ref(start)"] = advantages[0],
            ["A_ref(after a)"] = advantages[1],
            ["E_SFT Σ A_ref"] = [PerformanceDifference.Performance(Mdp, LogSft, advantages)],
        };
    }

    private static double[][] Reinforce(double discount) =>
        ExactPolicyGradient.DensePathReinforce(Mdp, LogSft, LogSft, beta: 1, ExactPolicyGradient.ReturnToGo(Rhat, discount));

    private static double[][] Exp(double[][] table) => [.. table.Select(row => row.Select(Math.Exp).ToArray())];

    private static double[] PerResponse(Func<Response, double> f) => [.. Responses.Select(f)];

    // Lines "name = numbers  remark" inside ```numbers blocks. The name may contain "=": the last one that numbers follow divides.
    private static Dictionary<string, double[]> Printed()
    {
        var printed = new Dictionary<string, double[]>();
        bool inside = false;
        foreach (string line in File.ReadLines(Path.Combine(Folder(), "README.md")))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                inside = line == "```numbers";
                continue;
            }

            if (!inside) continue;
            string statement = line.Split("  ")[0].TrimEnd();
            int divide = statement.LastIndexOf(" = ", StringComparison.Ordinal);
            string[] numbers = statement[(divide + 3)..].Split(' ');
            printed.Add(statement[..divide], [.. numbers.Select(x => double.Parse(x, CultureInfo.InvariantCulture))]);
        }

        return printed;
    }

    private static string Folder() => Path.Combine(Repository.Root, "src", "MiniTransformer.Training", "Theory");
}
