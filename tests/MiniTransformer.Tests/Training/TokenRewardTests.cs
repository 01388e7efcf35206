using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class TokenRewardTests
{
    internal static ResponseJudge Judge { get; } = responses => [.. responses.Select(r => Score(r.PromptIds, r.ResponseIds))];

    // Responses of the tiny world that begin with 0 are right, with 1 half right.
    internal static double Score(int[] prompt, int[] response)
    {
        Assert.Equal(TinyWorld.Prompt, prompt);
        return response[0] switch { 0 => 1, 1 => .5, _ => 0 };
    }

    [Fact]
    public void A_verifiers_score_stands_on_the_last_token_and_nothing_on_the_others()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        (float[] rewards, ResponseBatch batch) = Rewards(world, new JudgedReward(world.Expert, Judge));
        for (int b = 0; b < batch.B; b++)
        {
            float[] of = rewards[batch.Starts[b]..batch.Starts[b + 1]];
            Assert.Equal((float)Score(TinyWorld.Prompt, world.Responses[b]), of[^1]);
            Assert.All(of[..^1], r => Assert.Equal(0f, r));
        }

        Assert.True(rewards.Distinct().Count() == 3);
    }

    [Fact]
    public void A_mixed_reward_is_alpha_times_the_dense_one_plus_the_rest_of_the_score()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        var dense = new DenseReward(world.Expert, world.Reference);
        (float[] rewards, ResponseBatch batch) = Rewards(world, new MixedReward(dense, Judge, 0.3));
        for (int b = 0; b < batch.B; b++)
        {
            double[] expected = [.. world.Rewards(world.Responses[b]).Select(r => 0.3 * r)];
            expected[^1] += 0.7 * Score(TinyWorld.Prompt, world.Responses[b]);
            for (int t = 0; t < expected.Length; t++) Assert.Equal(expected[t], rewards[batch.Starts[b] + t], 1e-5);
        }

        Assert.Equal(Rewards(world, dense).Values, Rewards(world, new MixedReward(dense, Judge, 1)).Values);
        Assert.Equal(Rewards(world, new JudgedReward(world.Expert, Judge)).Values, Rewards(world, new MixedReward(dense, Judge, 0)).Values);
    }

    [DeviceTheory, OnEveryDevice]
    public void DPR_with_a_mixed_reward_follows_the_gradient_of_its_expectation(string name)
    {
        using var world = new TinyWorld(name);
        const double alpha = 0.4;
        double[] exact = world.Gradient(() => world.Responses.Sum(y =>
            world.Probability(y) * (alpha * world.Rewards(y).Sum() + (1 - alpha) * Score(TinyWorld.Prompt, y))));

        // The estimator's expectation: all responses, each by its probability, with the trainer's rewards and returns.
        (float[] rewards, ResponseBatch batch) = Rewards(world,
            new MixedReward(new DenseReward(world.Expert, world.Reference), Judge, alpha));
        float[] returns = Returns.ToGo(rewards, batch.Starts, gamma: 1);
        Dictionary<int[], double[]> weights = world.Responses
            .Select((y, b) => (y, w: returns[batch.Starts[b]..batch.Starts[b + 1]].Select(g => world.Probability(y) * g).ToArray()))
            .ToDictionary(x => x.y, x => x.w);
        Assert.True(TinyWorld.Distance(exact, world.TapeGradient(world.Responses, y => weights[y])) < 1e-4);
    }

    [Fact]
    public void An_update_of_DPR_on_a_verifiers_score_weighs_every_token_before_it()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        var options = new DprOptions { PromptsPerUpdate = 20, Beta = 0, Whiten = false, Baseline = Baseline.None };
        (double[] gradient, int[][] drawn, DprStep step) = world.Update(options, new JudgedReward(world.Expert, Judge));
        double n = drawn.Sum(y => y.Length);
        double[] expected = world.TapeGradient(drawn, y => [.. y.Select(_ => -Score(TinyWorld.Prompt, y) / n)]);
        Assert.True(TinyWorld.Distance(expected, gradient) < 1e-4);
        Assert.Equal(drawn.Average(y => Score(TinyWorld.Prompt, y)), step.Reward, 1e-6);
    }

    [Fact]
    public void A_KL_to_the_reference_needs_a_reward_that_has_one()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        var options = new DprOptions { PromptsPerUpdate = 4, ReferenceBeta = 0.1 };
        foreach (ITokenReward reward in (ITokenReward[])[new JudgedReward(world.Expert, Judge),
            new DenseReward(world.Expert, world.Reference, new() { Kind = RewardKind.LogPolicy })])
            Assert.Contains("β_ref is 0.1, but this reward has no reference",
                Assert.Throws<ArgumentException>(() => world.Update(options, reward)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new DprOptions { ReferenceBeta = -1 }.Validate());
        Assert.True(world.Update(options,
            new MixedReward(new DenseReward(world.Expert, world.Reference), Judge, 0.5)).Step.GradientNorm > 0);
    }

    [Fact]
    public void Scores_and_weights_out_of_range_are_refused()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        var dense = new DenseReward(world.Expert, world.Reference);
        foreach (double score in (double[])[-0.1, 1.1, double.NaN])
            Assert.Contains("must lie in [0, 1]",
                Assert.Throws<ArgumentException>(() =>
                    Rewards(world, new JudgedReward(world.Expert, all => [.. all.Select(_ => score)]))).Message, StringComparison.Ordinal);
        foreach (double alpha in (double[])[-0.1, 1.1, double.NaN])
        {
            Assert.Throws<ArgumentException>(() => new MixedReward(dense, Judge, alpha));
        }
    }

    [Fact]
    public void A_tasks_verifier_tells_right_answers_to_its_prompts_from_wrong_ones()
    {
        var tokenizer = new ByteTokenizer();
        TaskPrompt[] prompts = [.. BuiltIn.Parse("reverse,next")
            .SelectMany(t => Enumerable.Range(1, 5).Select(i => new TaskPrompt(t, t.NewPrompt(new Rng((ulong)i)))))];
        ResponseJudge verifier = JudgedReward.Of(prompts, tokenizer);
        double Verify(int[] prompt, int[] response) => verifier([new Example(prompt, response)]).Single();
        foreach (TaskPrompt prompt in prompts)
        {
            int[] ids = prompt.Encode(tokenizer).Ids, answer = tokenizer.Encode(prompt.Task.Answer(prompt.Text));
            Assert.Equal(1, Verify(ids, [.. answer, ByteTokenizer.End]));
            Assert.Equal(0, Verify(ids, answer)); // it did not end
            Assert.Equal(0, Verify(ids, [.. answer[1..], ByteTokenizer.End]));
        }

        string message = Assert.Throws<ArgumentException>(() =>
            Verify([ByteTokenizer.Begin, .. tokenizer.Encode("rev:zz=")], [ByteTokenizer.End])).Message;
        Assert.Contains("knows 10 prompts, but not 'rev:zz='", message, StringComparison.Ordinal);
    }

    private static (float[] Values, ResponseBatch Batch) Rewards(TinyWorld world, ITokenReward reward)
    {
        var batch = new ResponseBatch([.. world.Responses.Select(y => new Example(TinyWorld.Prompt, y))]);
        using Tape tape = Tape.NoGrad(world.Expert.Device);
        return (reward.Score(tape, world.Expert.FrozenRows(tape, batch), batch).Values, batch);
    }
}
