using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class EvaluationTests
{
    private static readonly int[][] Prompts = [.. Toy.Examples.Select(e => e.PromptIds)];
    private static readonly EndTokens End = Toy.End;

    // KL(π_T ‖ π_SFT) and the entropy of π_T, softmax of Q/T, from the logits in double.
    [DeviceTheory, OnEveryDevice]
    public void Kl_and_entropy_are_those_of_the_policy_that_was_drawn_from_at_its_temperature(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer policy = Trained(device, 40), expert = Trained(device, 20);
        foreach (float temperature in (float[])[.5f, 1, 2])
        {
            var sampling = new SamplingOptions { Temperature = temperature, MaxTokens = 5, Seed = 8 };
            Measurement measured = Evaluation.Measure(policy, new DenseReward(expert, expert), Prompts, Judge, End, sampling);
            var batch = new ResponseBatch([.. measured.Sampled.Responses.Select((r, i) => new Example(Prompts[i], r.Ids))]);
            double[][] drawn = LogPolicy(policy, batch, temperature), sft = LogPolicy(expert, batch, 1);
            double kl = drawn.Zip(sft, (p, q) => p.Zip(q, (a, b) => Math.Exp(a) * (a - b)).Sum()).Sum() / Prompts.Length;
            double entropy = drawn.Average(p => -p.Sum(a => Math.Exp(a) * a));
            Assert.Equal(kl, measured.Kl, 1e-4); // float32 over up to five tokens of size 10
            Assert.Equal(entropy, measured.Entropy, 1e-5);
        }
    }

    [Fact]
    public void Cooled_sft_is_not_at_distance_0_from_sft_and_a_greedy_policy_has_no_entropy()
    {
        using Device device = Device.Cpu(1);
        using Transformer expert = Trained(device, 20);
        Measurement At(SamplingOptions sampling) =>
            Evaluation.Measure(expert, new DenseReward(expert, expert), Prompts, Judge, End, sampling with { MaxTokens = 5 });
        Measurement plain = At(new SamplingOptions()), cool = At(new SamplingOptions { Temperature = .5f }),
            greedy = At(new SamplingOptions { Temperature = 0 });
        Assert.Equal(0, plain.Kl);
        Assert.True(cool.Kl > .05 && cool.Entropy < .8 * plain.Entropy, $"{cool.Kl} nats, entropy {cool.Entropy} and {plain.Entropy}");
        Assert.Equal(0, greedy.Entropy);

        // All mass on one token: KL = −log π_SFT of the greedy response.
        Assert.Equal(-greedy.Greedy.Responses.Average(r => r.LogProbs.Sum(l => (double)l)), greedy.Kl, 1e-4);
        Assert.True(double.IsNaN(At(new SamplingOptions { TopK = 2 }).Kl) && double.IsNaN(At(new SamplingOptions { TopP = .9f }).Entropy));
    }

    private static Accuracy Judge(SampledResponse[] responses) => Accuracy.Of(responses, [.. responses.Select(r => r.Ended ? 1.0 : 0)]);

    private static Transformer Trained(Device device, int steps)
    {
        Transformer model = Toy.Model(device);
        foreach (SftStep _ in Sft.Train(model, Toy.Examples, new SftOptions { Steps = steps, BatchSize = 42, LearningRate = 5e-3 })) { }
        return model;
    }

    private static double[][] LogPolicy(Transformer model, ResponseBatch batch, float temperature)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        float[] logits = model.Logits(tape, batch).ToArray();
        int v = model.Config.VocabSize;
        return [.. logits.Chunk(v).Select(row => LogSoftmaxReference.LogSoftmax([.. row.Select(q => q / (double)temperature)], v))];
    }
}
