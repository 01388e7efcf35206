using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class DenseRewardTests
{
    // Float through two layers, on log-probabilities up to 10.
    private const double Tolerance = 2e-5;

    [DeviceTheory, OnEveryDevice]
    public void Per_token_rewards_are_those_of_the_two_policies_in_double(string name)
    {
        using var c = new Case(name);
        RecoveredRewards r = c.Reward().Recover(c.Batch);
        double[] expert = c.LogProbs(c.Expert), reference = c.LogProbs(c.Reference);
        Operand.Close(expert, r.LogProb, Tolerance);
        Operand.Close(reference, r.ReferenceLogProb, Tolerance);
        Operand.Close([.. expert.Zip(reference, (a, b) => a - b)], r.RHat, Tolerance);
    }

    [DeviceTheory, OnEveryDevice]
    public void The_rewards_of_a_response_sum_to_the_log_ratio_of_its_probabilities(string name)
    {
        using var c = new Case(name);
        RecoveredRewards r = c.Reward().Recover(c.Batch);
        double[] expert = c.LogProbs(c.Expert), reference = c.LogProbs(c.Reference);
        for (int b = 0; b < c.Batch.B; b++)
        {
            Range of = c.Batch.Starts[b]..c.Batch.Starts[b + 1];
            Assert.Equal(expert[of].Sum() - reference[of].Sum(), r.RHat[of].Sum(x => (double)x), 1e-4); // up to 5 tokens
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void The_shaped_reward_is_r_Q_plus_the_change_of_the_soft_value(string name)
    {
        using var c = new Case(name);
        RecoveredRewards r = c.Reward().Recover(c.Batch);
        double withoutTerminal = 0;
        for (int b = 0; b < c.Batch.B; b++)
        {
            for (int i = c.Batch.Starts[b]; i < c.Batch.Starts[b + 1]; i++)
            {
                // log π(a|s) = r_Q(s,a) + V(s′) − V(s), V = 0 after the last token
                bool last = i + 1 == c.Batch.Starts[b + 1];
                Assert.Equal(r.LogProb[i], r.RQ[i] + (last ? 0.0 : r.Value[i + 1]) - r.Value[i], 1e-5);
                if (last && i + 1 < c.Batch.N)
                {
                    withoutTerminal = Math.Max(withoutTerminal, Math.Abs(r.RQ[i] + r.Value[i + 1] - r.Value[i] - r.LogProb[i]));
                }
            }
        }

        Assert.True(withoutTerminal > 0.1); // the next response's value is not the terminal state's
    }

    [DeviceTheory, OnEveryDevice]
    public void A_floor_is_added_to_both_probabilities(string name)
    {
        using var c = new Case(name);
        const double floor = 0.05;
        double[] expected = [.. c.LogProbs(c.Expert)
            .Zip(c.LogProbs(c.Reference), (a, b) => Math.Log((Math.Exp(a) + floor) / (Math.Exp(b) + floor)))];
        float[] actual = c.Reward(new RewardOptions { Floor = floor }).Recover(c.Batch).RHat;
        Operand.Close(expected, actual, Tolerance);
        Assert.All(actual, r => Assert.True(Math.Abs(r) < Math.Log((1 + floor) / floor)));
    }

    [DeviceTheory, OnEveryDevice]
    public void Centring_subtracts_the_states_mean_reward(string name)
    {
        using var c = new Case(name);
        double[] plain = [.. c.LogProbs(c.Expert).Zip(c.LogProbs(c.Reference), (a, b) => a - b)];
        double[][] expert = c.Rows(c.Expert), reference = c.Rows(c.Reference);
        double[] means = [.. expert.Zip(reference, (p, q) => p.Zip(q, (a, b) => Math.Exp(a) * (a - b)).Sum())]; // Σ_a π_SFT(a|s) r̂(s,a)
        Operand.Close([.. plain.Zip(means, (r, mean) => r - mean)], c.Reward(new RewardOptions { Centred = true }).Recover(c.Batch).RHat,
            Tolerance);
    }

    [DeviceTheory, OnEveryDevice]
    public void Training_scores_with_the_same_bits(string name)
    {
        using var c = new Case(name);
        RewardOptions[] variants =
        [
            new(), new() { Floor = 0.1 }, new() { Centred = true }, new() { Clip = 0.2 },
            new() { Floor = 0.1, Centred = true, Clip = 0.3 }, new() { Kind = RewardKind.LogPolicy },
        ];
        foreach (DenseReward reward in (DenseReward[])[.. variants.Select(c.Reward), new(c.Expert, [c.Reference, c.Other])])
        {
            using Tape tape = Tape.Record(c.Device);
            Operand.Identical(reward.Recover(c.Batch).RHat, reward.Score(tape, c.Expert.FrozenRows(tape, c.Batch), c.Batch).Values);
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void A_floored_reward_is_centred_by_its_own_mean(string name)
    {
        using var c = new Case(name);
        const double floor = 0.1;
        double Floored(double p, double q) => Math.Log((Math.Exp(p) + floor) / (Math.Exp(q) + floor));
        double[][] expert = c.Rows(c.Expert), reference = c.Rows(c.Reference);
        double[] expected = [.. expert.Zip(reference, (p, q) => p.Zip(q, (a, b) => Math.Exp(a) * Floored(a, b)).Sum()).Select((mean, i) =>
            Floored(expert[i][c.Batch.Targets[i]], reference[i][c.Batch.Targets[i]]) - mean)];
        Operand.Close(expected, c.Reward(new RewardOptions { Floor = floor, Centred = true }).Recover(c.Batch).RHat, Tolerance);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_clip_cuts_off_last_what_floor_and_centring_leave(string name)
    {
        using var c = new Case(name);
        foreach (RewardOptions options in (RewardOptions[])[new(), new() { Floor = 0.1 }, new() { Centred = true },
            new() { Floor = 0.1, Centred = true }, new() { Kind = RewardKind.LogPolicy }])
        {
            float[] whole = c.Reward(options).Recover(c.Batch).RHat;
            float clip = whole.Select(Math.Abs).Order().ElementAt(whole.Length / 2);
            float[] clipped = c.Reward(options with { Clip = clip }).Recover(c.Batch).RHat;
            Operand.Identical([.. whole.Select(r => r > clip ? clip : r < -clip ? -clip : r)], clipped);
            Assert.Contains(clipped, r => Math.Abs(r) == clip);
            Assert.Contains(clipped, r => Math.Abs(r) < clip);
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Several_references_count_by_the_log_of_their_mean_probability(string name)
    {
        using var c = new Case(name);
        RecoveredRewards r = new DenseReward(c.Expert, [c.Reference, c.Other]).Recover(c.Batch);
        double[] expert = c.LogProbs(c.Expert), one = c.LogProbs(c.Reference), two = c.LogProbs(c.Other);
        double[] mean = [.. one.Zip(two, (a, b) => Math.Log((Math.Exp(a) + Math.Exp(b)) / 2))];
        Operand.Close(mean, r.ReferenceLogProb, Tolerance);
        Operand.Close([.. expert.Zip(mean, (a, b) => a - b)], r.RHat, Tolerance);
        Assert.True(one.Zip(two, mean).Max(x => Math.Abs((x.First + x.Second) / 2 - x.Third)) > 0.01); // and not by the mean of the logs

        // Order does not matter, and centring subtracts the divergence from the mixture.
        Operand.Close(r.RHat.Doubles(), new DenseReward(c.Expert, [c.Other, c.Reference]).Recover(c.Batch).RHat, 1e-6);
        double[][] p = c.Rows(c.Expert), q1 = c.Rows(c.Reference), q2 = c.Rows(c.Other);
        double[] centred = [.. p.Select((row, i) =>
            r.RHat[i] - row.Select((a, k) => Math.Exp(a) * (a - Math.Log((Math.Exp(q1[i][k]) + Math.Exp(q2[i][k])) / 2))).Sum())];
        Operand.Close(centred, new DenseReward(c.Expert, [c.Reference, c.Other], new RewardOptions { Centred = true })
            .Recover(c.Batch).RHat, Tolerance);
    }

    [DeviceTheory, OnEveryDevice]
    public void An_ensemble_of_one_is_the_plain_reference_and_of_the_same_twice_it_too(string name)
    {
        using var c = new Case(name);
        float[] plain = c.Reward().Recover(c.Batch).RHat;
        Operand.Identical(plain, new DenseReward(c.Expert, [c.Reference]).Recover(c.Batch).RHat);
        // a rounding of log π to float
        Operand.Close(plain.Doubles(), new DenseReward(c.Expert, [c.Reference, c.Reference]).Recover(c.Batch).RHat, 2e-6);
    }

    [Fact]
    public void A_token_that_all_references_find_impossible_keeps_its_reward()
    {
        using var c = new Case("CPU, 1 thread");
        foreach (Transformer model in (Transformer[])[c.Reference, c.Other])
        {
            Parameter last = model.Parameters.Single(p => p.Name == "model.norm.weight");
            last.Set([.. last.ToArray().Select(w => 600 * w)]);
        }

        RecoveredRewards r = new DenseReward(c.Expert, [c.Reference, c.Other]).Recover(c.Batch);
        double[] one = c.LogProbs(c.Reference), two = c.LogProbs(c.Other);
        double[] mean = [.. one.Zip(two, (a, b) => Math.Max(a, b) + Math.Log((1 + Math.Exp(-Math.Abs(a - b))) / 2))];
        Assert.True(mean.Min() < -110); // e⁻¹¹⁰ is 0 in float
        for (int i = 0; i < mean.Length; i++) Assert.Equal(mean[i], r.ReferenceLogProb[i], 2e-5 * 600);
    }

    [Fact]
    public void A_policy_relative_to_itself_earns_nothing()
    {
        using var c = new Case("CPU, 1 thread");
        Assert.All(new DenseReward(c.Expert, c.Expert).Recover(c.Batch).RHat, r => Assert.Equal(0f, r));
    }

    [Fact]
    public void Options_and_vocabularies_that_contradict_are_refused()
    {
        using var c = new Case("CPU, 1 thread");
        using Transformer other = Models.Random(c.Device, Models.Odd with { VocabSize = 20 }, seed: 1);
        Assert.Contains("must share a tokenizer", Assert.Throws<ArgumentException>(() => new DenseReward(c.Expert, other)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => c.Reward(new RewardOptions { Floor = -1 }));
        Assert.Throws<ArgumentException>(() => c.Reward(new RewardOptions { Kind = RewardKind.LogPolicy, Centred = true }));
        Assert.Throws<ArgumentException>(() => c.Reward(new RewardOptions { Kind = RewardKind.LogPolicy, Floor = 0.1 }));
        foreach (double clip in (double[])[-1, double.NaN, double.PositiveInfinity])
        {
            Assert.Throws<ArgumentException>(() => c.Reward(new RewardOptions { Clip = clip }));
        }
        Assert.Contains("must share a tokenizer",
            Assert.Throws<ArgumentException>(() => new DenseReward(c.Expert, [c.Reference, other])).Message, StringComparison.Ordinal);
        Assert.Contains("there is no reference", Assert.Throws<ArgumentException>(() => new DenseReward(c.Expert, [])).Message,
            StringComparison.Ordinal);
        Assert.Contains("2 references came",
            Assert.Throws<ArgumentException>(() =>
                new DenseReward(c.Expert, [c.Reference, c.Other], new RewardOptions { Kind = RewardKind.LogPolicy })).Message,
                    StringComparison.Ordinal);
    }

    private sealed class Case : IDisposable
    {
        public Case(string name)
        {
            Device = Devices.Open(name);
            Expert = Models.Random(Device, Models.Odd, seed: 1);
            Reference = Models.Random(Device, Models.Odd, seed: 2);
            Other = Models.Random(Device, Models.Odd, seed: 4);
            Batch = new ResponseBatch(Models.Examples(6, Models.Odd.VocabSize, seed: 3));
        }

        public Device Device { get; }

        public Transformer Expert { get; }

        public Transformer Reference { get; }

        public Transformer Other { get; }

        public ResponseBatch Batch { get; }

        public DenseReward Reward(RewardOptions? options = null) => new(Expert, Reference, options);

        /// <summary>log π(·|s) at each response token's state, in double, one sequence at a time: (N, V).</summary>
        public double[][] Rows(Transformer model)
        {
            PlainLlama reference = Plain.Of(model);
            return
            [
                .. Batch.Examples.SelectMany(e => reference.Logits([.. e.PromptIds, .. e.ResponseIds[..^1]])[(e.PromptIds.Length - 1)..])
                    .Select(row => LogSoftmaxReference.LogSoftmax(row, row.Length)),
            ];
        }

        public double[] LogProbs(Transformer model) => [.. Rows(model).Select((row, i) => row[Batch.Targets[i]])];

        public void Dispose()
        {
            Expert.Dispose();
            Reference.Dispose();
            Other.Dispose();
            Device.Dispose();
        }
    }
}
