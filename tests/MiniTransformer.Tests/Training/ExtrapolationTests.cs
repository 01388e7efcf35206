using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class ExtrapolationTests
{
    private const int End = 2;
    private static readonly SamplingOptions Sampling = new() { MaxTokens = 9, Seed = 4 };
    private static readonly int[][] Prompts = [.. Models.Examples(40, Models.Odd.VocabSize, seed: 9).Select(e => e.PromptIds)];

    [DeviceTheory]
    [OnEveryDevice(1f)]
    [OnEveryDevice(0.3f)]
    public void Its_logits_give_the_drawn_tokens_the_probabilities_that_they_were_drawn_with(string name, float alpha)
    {
        using var c = new Case(name);
        SampledResponse[] responses = c.Extrapolated(alpha).Generate(Prompts, End, Sampling);
        var batch = new ResponseBatch([.. responses.Select((r, i) => new Example(Prompts[i], r.Ids))]);
        using Tape tape = Tape.NoGrad(c.Device);
        float[] logProb = c.Extrapolated(alpha).Rows(tape, batch).LogProb(tape.Targets(batch)).ToArray();
        Devices.Agree(name, logProb, [.. responses.SelectMany(r => r.LogProbs)]);
        Assert.NotEqual(logProb, Policy.Of(c.Expert).Rows(tape, batch).LogProb(tape.Targets(batch)).ToArray());
    }

    [Fact]
    public void A_token_weighs_as_the_expert_times_its_ratio_to_the_reference_to_the_power_alpha()
    {
        using var world = new TinyWorld(Devices.Names[0]);
        const double alpha = 1.7;
        foreach (int[] y in world.Responses)
        {
            var batch = new ResponseBatch([new Example(TinyWorld.Prompt, y)]);
            using Tape tape = Tape.NoGrad(world.Policy.Device);
            float[] logProb = new Extrapolation(world.Expert, world.Reference, (float)alpha).Rows(tape, batch).LogProb(tape.Targets(batch))
                .ToArray();
            double[][] expert = TinyWorld.Rows(world.ExpertInDouble, y), reference = TinyWorld.Rows(world.ReferenceInDouble, y);
            for (int t = 0; t < y.Length; t++)
            {
                double[] weights = [.. expert[t].Zip(reference[t], (e, r) => Math.Exp(e) * Math.Pow(Math.Exp(e) / Math.Exp(r), alpha))];
                Assert.Equal(Math.Log(weights[y[t]] / weights.Sum()), logProb[t], 2e-5); // float through one layer, times 2.7
            }
        }
    }

    [Fact]
    public void Minus_one_is_the_reference_and_zero_the_expert()
    {
        using var c = new Case(Devices.Names[0]);
        SampledResponse[] back = c.Extrapolated(-1).Generate(Prompts, End, Sampling), reference = Policy.Of(c.Reference)
            .Generate(Prompts, End, Sampling);
        SampledResponse[] zero = c.Extrapolated(0).Generate(Prompts, End, Sampling), expert = Policy.Of(c.Expert)
            .Generate(Prompts, End, Sampling);
        Assert.Equal(reference.Select(r => string.Join(',', r.Ids)), back.Select(r => string.Join(',', r.Ids)));
        Assert.Equal(expert.Select(r => string.Join(',', r.Ids)), zero.Select(r => string.Join(',', r.Ids)));
        Assert.NotEqual(reference.Select(r => string.Join(',', r.Ids)), expert.Select(r => string.Join(',', r.Ids)));
    }

    [DeviceTheory, OnEveryDevice]
    public void What_is_measured_of_it_is_its_distance_entropy_and_reward_on_its_own_responses(string name)
    {
        using var c = new Case(name);
        var reward = new DenseReward(c.Expert, c.Reference);
        Measurement measured = Evaluation.Measure(c.Extrapolated(1), reward, Prompts, Judge, End, Sampling);
        Measurement unmoved = Evaluation.Measure(c.Extrapolated(0), reward, Prompts, Judge, End, Sampling);
        Measurement expert = Evaluation.Measure(c.Expert, reward, Prompts, Judge, End, Sampling);

        double kl = 0, entropy = 0, sum = 0;
        int tokens = 0;
        foreach ((SampledResponse response, int[] prompt) in measured.Sampled.Responses.Zip(Prompts))
        {
            double[][] p = Case.Rows(c.Expert, prompt, response.Ids), q = Case.Rows(c.Reference, prompt, response.Ids);
            for (int t = 0; t < response.Ids.Length; t++, tokens++)
            {
                double[] weights = [.. p[t].Zip(q[t], (a, b) => Math.Exp(2 * a - b))];
                double[] policy = [.. weights.Select(w => Math.Log(w / weights.Sum()))];
                kl += policy.Zip(p[t], (a, b) => Math.Exp(a) * (a - b)).Sum();
                entropy -= policy.Sum(a => Math.Exp(a) * a);
                sum += p[t][response.Ids[t]] - q[t][response.Ids[t]];
            }
        }

        // Means over 40 responses of up to 9 tokens, each token's part known to 1e-5.
        Assert.Equal(kl / Prompts.Length, measured.Kl, 1e-4);
        Assert.Equal(entropy / tokens, measured.Entropy, 1e-4);
        Assert.Equal(sum / Prompts.Length, measured.Reward, 1e-4);
        Assert.Equal(tokens / (double)Prompts.Length, measured.Length, 1e-12);
        Assert.True(measured.Kl > 0.1 && measured.Reward > expert.Reward + 0.1);
        Assert.Equal(0, unmoved.Kl, 1e-5);
        Assert.Equal(expert.Reward, unmoved.Reward, 1e-5);
        Assert.Equal(expert.Entropy, unmoved.Entropy, 1e-5);
    }

    private static Accuracy Judge(SampledResponse[] responses) =>
        new(0, new Dictionary<string, double>(), responses, new bool[responses.Length]);

    private sealed class Case : IDisposable
    {
        public Case(string name)
        {
            Device = Devices.Open(name);
            Expert = Models.Random(Device, Models.Odd, seed: 1);
            Reference = Models.Random(Device, Models.Odd, seed: 2);
        }

        public Device Device { get; }

        public Transformer Expert { get; }

        public Transformer Reference { get; }

        public Extrapolation Extrapolated(float alpha) => new(Expert, Reference, alpha);

        /// <summary>log π(·|s) at each response token's state, in double.</summary>
        public static double[][] Rows(Transformer model, int[] prompt, int[] response)
        {
            PlainLlama reference = Plain.Of(model);
            return
            [
                .. reference.Logits([.. prompt, .. response[..^1]])[(prompt.Length - 1)..]
                    .Select(row => MiniTransformer.Tests.Reference.LogSoftmaxReference.LogSoftmax(row, row.Length)),
            ];
        }

        public void Dispose()
        {
            Expert.Dispose();
            Reference.Dispose();
            Device.Dispose();
        }
    }
}
