using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class RlooTests
{
    private static readonly int[][] Prompts = [.. Toy.Examples.Select(e => e.PromptIds)];

    private static readonly RlooOptions Options = new()
    {
        Updates = 8,
        PromptsPerUpdate = 7,
        SamplesPerPrompt = 3,
        MaxTokens = 5,
        LearningRate = 3e-3,
        WarmupUpdates = 2,
        Ends = Toy.End,
    };

    [DeviceTheory, OnEveryDevice]
    public void Over_all_groups_of_responses_the_estimator_is_the_gradient_of_the_expected_score(string name)
    {
        using var world = new TinyWorld(name);
        double[] exact = world.Gradient(() => world.Responses.Sum(y => world.Probability(y) * Score(y)));
        Assert.True(TinyWorld.Distance(exact, Expected((rewards, k) => Returns.LeaveOneOut(rewards, k))) < 1e-4);

        // Negative control: a baseline that includes the response itself shrinks the gradient by 1 − 1/k.
        double[] shrunk = Expected((rewards, k) => [.. rewards.Select(r => r - rewards.Average())]);
        Assert.Equal(1.0 / 3, TinyWorld.Distance(exact, shrunk), 1e-3);

        // E[ (1/k) Σ_i A_i ∇ log π(y_i) ] over all triples (y_1, y_2, y_3): the weight of each response, summed over the triples that hold
        // it.
        double[] Expected(Func<double[], int, double[]> advantages)
        {
            Dictionary<int[], double> weight = world.Responses.ToDictionary(y => y, _ => 0.0);
            foreach (int[] a in world.Responses)
                foreach (int[] b in world.Responses)
                    foreach (int[] c in world.Responses)
                    {
                        double probability = world.Probability(a) * world.Probability(b) * world.Probability(c);
                        int[][] group = [a, b, c];
                        double[] weights = advantages([.. group.Select(Score)], 3);
                        for (int i = 0; i < 3; i++) weight[group[i]] += probability * weights[i] / 3;
                    }

            return world.TapeGradient(world.Responses, y => [.. y.Select(_ => weight[y])]);
        }
    }

    [Theory]
    [InlineData(false, 0.0)]
    [InlineData(true, 0.0)]
    [InlineData(false, 0.7)]
    [InlineData(true, 0.7)]
    public void An_update_follows_the_gradient_of_its_formula_on_what_it_drew(bool whiten, double beta)
    {
        using var world = new TinyWorld(Devices.Names[0]);
        var options = new RlooOptions
        {
            Updates = 1,
            WarmupUpdates = 0,
            PromptsPerUpdate = 6,
            SamplesPerPrompt = 4,
            MaxTokens = TinyWorld.Horizon,
            Ends = TinyWorld.End,
            Whiten = whiten,
            Beta = beta,
            Seed = 5,
        };
        int[][] prompts = [.. Enumerable.Repeat(TinyWorld.Prompt, 6)];
        int[][] drawn = [.. Rollout.Draw(world.Policy, prompts, new BatchOrder(6, options.Seed), 0, options, out _)
            .Select(e => e.ResponseIds)];
        (double[] gradient, RlooStep step) = world.FirstUpdate((policy, optimizer) =>
            Rloo.Train(policy, new JudgedReward(world.Expert, TokenRewardTests.Judge), prompts, options, optimizer).Single());

        double n = drawn.Sum(y => y.Length);
        double[] scores = [.. drawn.Select(Score)];
        double[] advantages = [.. scores.Select((r, i) => r - scores.Where((_, j) => j != i && j / 4 == i / 4).Average())];
        double rms = Math.Sqrt(drawn.Select((y, i) => y.Length * advantages[i] * advantages[i]).Sum() / n);
        if (whiten) advantages = [.. advantages.Select(a => a / rms)];
        double[] expected = world.Gradient(() => drawn.Select((y, i) =>
        {
            double[][] pi = TinyWorld.Rows(world.PolicyInDouble, y), sft = TinyWorld.Rows(world.ExpertInDouble, y);
            return y.Select((a, t) => -advantages[i] * pi[t][a] + beta * pi[t].Zip(sft[t], (p, q) => Math.Exp(p) * (p - q)).Sum()).Sum();
        }).Sum() / n);
        Assert.True(TinyWorld.Distance(expected, gradient) < 1e-4, $"{TinyWorld.Distance(expected, gradient)}");
        Assert.Equal(scores.Average(), step.Reward, 1e-6);
        Assert.Equal(n / drawn.Length, step.Length, 1e-12);
        double kl = drawn.Sum(y => TinyWorld.Rows(world.PolicyInDouble, y).Zip(TinyWorld.Rows(world.ExpertInDouble, y)).Take(y.Length)
            .Sum(rows => rows.First.Zip(rows.Second, (p, q) => Math.Exp(p) * (p - q)).Sum()));
        Assert.Equal(kl / drawn.Length, step.Kl, 1e-4); // of a response, not of a token
        Assert.True(kl / drawn.Length > .01, $"{kl}");
        Assert.True(rms is > 0.1 and < 0.9); // the scores differ within groups, and whitening does something
    }

    [DeviceTheory, OnEveryDevice]
    public void The_verifiers_score_rises_under_training(string name)
    {
        using Device device = Devices.Open(name);
        (Transformer policy, Transformer expert, _) = Toy.Tuned(device);
        RlooStep[] steps = [.. Rloo.Train(policy, new JudgedReward(expert, ToyJudge), Prompts,
            Options with { Updates = 40, PromptsPerUpdate = 14, Beta = 0.1 })];
        Assert.Equal(0, steps[0].Kl, 1e-5); // it starts as a copy of the expert
        double before = steps[..5].Average(s => s.Reward), after = steps[^5..].Average(s => s.Reward);
        Assert.True(after > before + 0.2, $"{before} → {after}");
    }

    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(5)]
    public void A_run_that_is_stopped_and_rebuilt_continues_to_the_last_bit(string name, int stopAfter) => Toy.ContinuesToTheLastBit(
        name, stopAfter, (models, optimizer) =>
            Rloo.Train(models.Policy, new JudgedReward(models.Expert, ToyJudge), Prompts, Options, optimizer));

    [Fact]
    public void Groups_of_equal_scores_leave_the_policy_where_it_is()
    {
        using Device device = Device.Cpu(1);
        (Transformer policy, Transformer expert, _) = Toy.Tuned(device);
        RlooStep step = Rloo.Train(policy, new JudgedReward(expert, all => [.. all.Select(_ => 1.0)]), Prompts,
            Options with { Updates = 1, Beta = 0 }).Single();
        Assert.Equal(0, step.GradientNorm);
        Assert.Equal(1, step.Reward, 1e-6);
        Toy.Identical(expert.Weights(), policy.Weights());
    }

    [Fact]
    public void A_policy_that_left_the_expert_is_stopped_before_the_update()
    {
        using Device device = Device.Cpu(1);
        (Transformer policy, Transformer expert, _) = Toy.Tuned(device);
        foreach (Parameter p in policy.Parameters) p.Set([.. p.ToArray().Select(w => 3 * w)]);
        float[][] before = policy.Weights();
        string message = Assert.Throws<PolicyCollapseException>(
            () => Rloo.Train(policy, new JudgedReward(expert, ToyJudge), Prompts, Options with { CollapseKl = 0.05 }).Count()).Message;
        Assert.StartsWith("RLOO stopped before update 1: the policy is", message, StringComparison.Ordinal);
        Toy.Identical(before, policy.Weights());
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Contains("2 are needed",
            Assert.Throws<ArgumentException>(() => new RlooOptions { SamplesPerPrompt = 1 }.Validate()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new RlooOptions { Beta = -1 }.Validate());
        Assert.Throws<ArgumentException>(() => new RlooOptions { LearningRate = 0 }.Validate());
        using var world = new TinyWorld(Devices.Names[0]);
        Assert.Throws<ArgumentException>(() =>
            Rloo.Train(world.Policy, new JudgedReward(world.Expert, TokenRewardTests.Judge), [], Options).Count());
    }

    private static double Score(int[] response) => TokenRewardTests.Score(TinyWorld.Prompt, response);

    private static double[] ToyJudge(IReadOnlyList<Example> responses) => [.. responses.Select(r => ToyScore(r.PromptIds, r.ResponseIds))];

    // The part of the tokens that are right: a score between 0 and 1.
    private static double ToyScore(int[] prompt, int[] response)
    {
        int[] right = Toy.Examples.Single(e => e.PromptIds.SequenceEqual(prompt)).ResponseIds;
        return right.Zip(response).Count(x => x.First == x.Second) / (double)Math.Max(right.Length, response.Length);
    }
}
