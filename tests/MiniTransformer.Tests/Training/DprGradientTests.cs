using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>P9 and P10 through the transformer, the tape and the trainer, where every expectation can be enumerated.</summary>
public class DprGradientTests
{
    // Float gradients through one layer against central differences in double of the exact objective: relative to the gradient's norm.
    private const double Tolerance = 1e-4;

    [DeviceTheory, OnEveryDevice]
    public void The_estimators_expectation_is_the_gradient_of_the_exact_objective(string name)
    {
        using var world = new TinyWorld(name);
        double[] exact = world.Gradient(() => world.Responses.Sum(y => world.Probability(y) * world.Rewards(y).Sum()));
        Assert.True(TinyWorld.Distance(exact, Expected(world, WholePath)) < Tolerance);
        Assert.True(TinyWorld.Distance(exact, Expected(world, r => ToGo(r, 1))) < Tolerance);

        // A baseline may depend on the position, since the state's depth is the state's.
        Assert.True(TinyWorld.Distance(exact, Expected(world, r => [.. ToGo(r, 1).Select((g, t) => g - 0.7 + 0.3 * t)])) < Tolerance);

        // Negative controls: a discount, and the reward of the token alone.
        Assert.True(TinyWorld.Distance(exact, Expected(world, r => ToGo(r, 0.5))) > 0.01);
        Assert.True(TinyWorld.Distance(exact, Expected(world, r => r)) > 0.01);
    }

    [DeviceTheory, OnEveryDevice]
    public void With_k1_in_the_reward_the_expectation_is_the_gradient_of_reward_minus_beta_KL(string name)
    {
        using var world = new TinyWorld(name);
        const double beta = 0.8;
        double Kl(int[] y) => TinyWorld.LogProbs(world.PolicyInDouble, y).Sum() - TinyWorld.LogProbs(world.ExpertInDouble, y).Sum();
        double[] exact = world.Gradient(() => world.Responses.Sum(y => world.Probability(y) * (world.Rewards(y).Sum() - beta * Kl(y))));
        double[] expected = world.TapeGradient(world.Responses, y =>
        {
            double[] own = TinyWorld.LogProbs(world.PolicyInDouble, y), expert = TinyWorld.LogProbs(world.ExpertInDouble, y);
            return Weighted(world, y, ToGo([.. world.Rewards(y).Select((r, t) => r - beta * (own[t] - expert[t]))], 1));
        });
        Assert.True(TinyWorld.Distance(exact, expected) < Tolerance);
    }

    [Fact]
    public void The_gradient_of_k3_as_a_loss_is_on_average_that_of_the_reverse_divergence()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        double[] Row(PlainLlama policy) => TinyWorld.Rows(policy, [TinyWorld.End])[0]; // log π(·|s_0)
        double[] policy = Row(world.PolicyInDouble), sft = Row(world.ExpertInDouble), average = [];
        double[] forward = world.Gradient(() => Row(world.PolicyInDouble).Zip(sft, (p, q) => Math.Exp(p) * (p - q)).Sum());
        double[] reverse = world.Gradient(() => sft.Zip(Row(world.PolicyInDouble), (q, p) => Math.Exp(q) * (q - p)).Sum());
        for (int a = 0; a < policy.Length; a++)
        {
            int token = a;
            double[] k3 = world.Gradient(() =>
                Math.Exp(sft[token] - Row(world.PolicyInDouble)[token]) - 1 - sft[token] + Row(world.PolicyInDouble)[token]);
            average = [.. k3.Select((g, i) => average.ElementAtOrDefault(i) + Math.Exp(policy[token]) * g)];
        }

        Assert.True(TinyWorld.Distance(reverse, average) < 1e-6); // central differences in double
        Assert.True(TinyWorld.Distance(forward, average) > 0.01);
    }

    [DeviceTheory, OnEveryDevice]
    public void The_trainers_estimate_lies_within_four_standard_errors_of_the_exact_gradient(string name)
    {
        using var world = new TinyWorld(name);
        const int draws = 3000;
        var options = new DprOptions { PromptsPerUpdate = draws, Baseline = Baseline.None, Whiten = false, Beta = 0 };
        (double[] gradient, int[][] drawn, _) = world.Update(options);

        // The loss is −Σ G log π per response token; minus its gradient times tokens over responses is the mean over responses.
        double tokensPerResponse = drawn.Sum(y => y.Length) / (double)draws;
        double[] estimate = [.. gradient.Select(g => -g * tokensPerResponse)];
        double[] exact = world.Gradient(() => world.Responses.Sum(y => world.Probability(y) * world.Rewards(y).Sum()));

        // The variance of one response's gradient, enumerated.
        var second = new double[exact.Length];
        foreach (int[] y in world.Responses)
        {
            double[] one = world.TapeGradient([y], response => ToGo(world.Rewards(response), 1));
            double probability = world.Probability(y);
            for (int i = 0; i < second.Length; i++) second[i] += probability * one[i] * one[i];
        }

        double worst = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            double error = Math.Sqrt(Math.Max(0, second[i] - exact[i] * exact[i]) / draws);
            // parameters that cannot matter have no variance, only rounding
            worst = Math.Max(worst, Math.Abs(estimate[i] - exact[i]) / (error + 1e-7));
        }

        Assert.True(worst < 4, $"{worst} standard errors");
        Assert.True(worst > 0.5); // it is an estimate
        // and there is something to estimate
        Assert.True(TinyWorld.Distance(exact, [.. exact.Select(_ => 0.0)]) * Math.Sqrt(exact.Sum(g => g * g)) > 0.01);
    }

    public static TheoryData<string, DprOptions> Settings { get; } = new()
    {
        { "whole path", new() { SentenceLevel = true, Baseline = Baseline.None, Whiten = false, Beta = 0 } },
        { "discount", new() { Gamma = 0.5, Baseline = Baseline.None, Whiten = false, Beta = 0 } },
        { "position mean", new() { Whiten = false, Beta = 0 } },
        { "whitened", new() { Beta = 0 } },
        { "exact KL", new() { Beta = 0.7 } },
        { "k3", new() { Beta = 0.7, KlForm = KlForm.K3 } },
        { "k1 in the reward", new() { Beta = 0.7, KlForm = KlForm.K1InReward, Whiten = false } },
        { "entropy", new() { Beta = 0, EntropyBonus = 0.3 } },
        { "dual KL", new() { Beta = 0.7, ReferenceBeta = 0.4 } },
        { "KL to the reference alone", new() { Beta = 0, ReferenceBeta = 0.4 } },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void An_update_follows_the_gradient_of_its_formula_on_what_it_drew(string setting, DprOptions options)
    {
        using var world = new TinyWorld(Devices.Names[0]);
        (double[] gradient, int[][] drawn, DprStep step) = world.Update(options with { PromptsPerUpdate = 12, Seed = 4 });
        double n = drawn.Sum(y => y.Length);

        // Advantages: constants, as the trainer's options say.
        double[][] own = [.. drawn.Select(y => TinyWorld.LogProbs(world.PolicyInDouble, y))];
        double[][] expert = [.. drawn.Select(y => TinyWorld.LogProbs(world.ExpertInDouble, y))];
        double[][] rewards = [.. drawn.Select(world.Rewards)];
        if (options.KlForm == KlForm.K1InReward)
            rewards = [.. rewards.Select((r, b) => r.Select((x, t) => x - options.Beta * (own[b][t] - expert[b][t])).ToArray())];
        double[][] advantages = [.. rewards.Select(r => options.SentenceLevel ? WholePath(r) : ToGo(r, options.Gamma))];
        if (options.Baseline == Baseline.PositionMean)
        {
            double[] means = [.. Enumerable.Range(0, TinyWorld.Horizon)
                .Select(t => advantages.Where(a => a.Length > t).Select(a => a[t]).DefaultIfEmpty().Average())];
            advantages = [.. advantages.Select(a => a.Select((x, t) => x - means[t]).ToArray())];
        }

        if (options.Whiten)
        {
            double rms = Math.Sqrt(advantages.Sum(a => a.Sum(x => x * x)) / n);
            advantages = [.. advantages.Select(a => a.Select(x => x / rms).ToArray())];
        }

        double[] expected = world.Gradient(() =>
        {
            double sum = 0;
            for (int b = 0; b < drawn.Length; b++)
            {
                double[][] pi = TinyWorld.Rows(world.PolicyInDouble, drawn[b]), sft = TinyWorld.Rows(world.ExpertInDouble, drawn[b]);
                double[][] reference = TinyWorld.Rows(world.ReferenceInDouble, drawn[b]);
                for (int t = 0; t < pi.Length; t++)
                {
                    double logProb = pi[t][drawn[b][t]], logRho = sft[t][drawn[b][t]] - logProb;
                    sum -= advantages[b][t] * logProb;
                    if (options.KlForm == KlForm.Exact) sum += options.Beta * pi[t].Zip(sft[t], (p, q) => Math.Exp(p) * (p - q)).Sum();
                    if (options.KlForm == KlForm.K3) sum += options.Beta * (Math.Exp(logRho) - 1 - logRho);
                    sum += options.ReferenceBeta * pi[t].Zip(reference[t], (p, q) => Math.Exp(p) * (p - q)).Sum();
                    sum += options.EntropyBonus * pi[t].Sum(p => Math.Exp(p) * p);
                }
            }

            return sum / n;
        });
        Assert.True(TinyWorld.Distance(expected, gradient) < Tolerance, $"{setting}: {TinyWorld.Distance(expected, gradient)}");

        // What the update reports, from the same definitions.
        Assert.Equal(drawn.Average(y => world.Rewards(y).Sum()), step.Reward, 1e-4);
        Assert.Equal(drawn.Average(y => y.Length), step.Length, 1e-12);
        Assert.Equal(drawn.Average(y => y[^1] == TinyWorld.End ? 1.0 : 0), step.Ended, 1e-12);
        Assert.Equal(Math.Sqrt(expected.Sum(g => g * g)), step.GradientNorm, 1e-4 * step.GradientNorm);
        double kl = drawn.Average(y =>
            TinyWorld.Rows(world.PolicyInDouble, y)
                .Zip(TinyWorld.Rows(world.ExpertInDouble, y), (p, q) => p.Zip(q, (a, b) => Math.Exp(a) * (a - b)).Sum()).Sum());
        Assert.Equal(kl, step.Kl, 1e-4);
        double entropy = -drawn.Sum(y => TinyWorld.Rows(world.PolicyInDouble, y).Sum(p => p.Sum(a => Math.Exp(a) * a))) / n;
        Assert.Equal(entropy, step.Entropy, 1e-4);
    }

    // E_π[ Σ_t w_t ∇ log π ]: weights π(y) w_t(y).
    private static double[] Expected(TinyWorld world, Func<double[], double[]> weights) =>
        world.TapeGradient(world.Responses, y => Weighted(world, y, weights(world.Rewards(y))));

    private static double[] Weighted(TinyWorld world, int[] y, double[] weights) => [.. weights.Select(w => world.Probability(y) * w)];

    private static double[] WholePath(double[] r) => [.. r.Select(_ => r.Sum())];

    private static double[] ToGo(double[] r, double gamma) =>
        [.. r.Select((_, t) => r.Skip(t).Select((x, k) => Math.Pow(gamma, k) * x).Sum())];
}
