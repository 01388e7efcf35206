using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>What the same seed and data give on the CPU and on another device.</summary>
public class DeviceAgreementTests
{
    private static readonly SftOptions Options = new() { Steps = 50, BatchSize = 21, LearningRate = 3e-3 };
    private static readonly int[][] Prompts = [.. Toy.Examples.Select(e => e.PromptIds)];
    private static readonly SamplingOptions Greedy = SamplingOptions.Greedy with { MaxTokens = 5 };

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Losses_agree_to_a_ten_thousandth_over_50_steps_and_greedy_responses_are_the_same(string name)
    {
        using Device cpu = Device.Cpu(1), device = Device.Open(name);
        var expected = Train(cpu, 50);
        var actual = Train(device, 50);
        Assert.Equal(50, expected.Losses.Length);
        for (int i = 0; i < 50; i++) Assert.InRange(actual.Losses[i] / expected.Losses[i], 1 - 1e-4, 1 + 1e-4);
        Assert.True(expected.Losses[^1] < 0.7 * expected.Losses[0]);
        Assert.Equal(expected.Responses, actual.Responses);
        Assert.Equal(expected.Seen, actual.Seen);
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void A_checkpoint_of_one_device_is_continued_on_the_other(string name)
    {
        using Device cpu = Device.Cpu(1), device = Device.Open(name);
        double[] undisturbed = Train(cpu, 50).Losses;
        foreach ((Device first, Device second) in new[] { (cpu, device), (device, cpu) })
        {
            using var folder = new TemporaryFolder();
            using (Transformer begun = Toy.Model(first))
            using (var optimizer = new AdamW(begun.Parameters, Options.Optimizer))
            {
                Assert.Equal(20, Sft.Train(begun, Toy.Examples, Options, optimizer).Take(20).Count());
                Checkpoint.Save(folder["half"], begun, new ByteTokenizer(), optimizer, TrainerState.Sft(20, Options, Toy.Examples.Length));
            }

            using Transformer model = Checkpoint.LoadModel(folder["half"], second);
            using var continued = new AdamW(model.Parameters, Options.Optimizer);
            Assert.Equal(20, Checkpoint.Resume(folder["half"], model, continued).Updates);
            double[] rest = [.. Sft.Train(model, Toy.Examples, Options, continued).Select(s => s.Loss)];
            Assert.Equal(30, rest.Length);
            for (int i = 0; i < rest.Length; i++) Assert.InRange(rest[i] / undisturbed[20 + i], 1 - 1e-4, 1 + 1e-4);
        }
    }

    [DeviceTheory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Recovery_and_reinforcement_follow_those_of_the_CPU(string name)
    {
        using Device cpu = Device.Cpu(1), device = Device.Open(name);
        (float[] expectedReward, DprStep[] expected) = Reinforce(cpu);
        (float[] actualReward, DprStep[] actual) = Reinforce(device);
        for (int i = 0; i < expectedReward.Length; i++) Assert.Equal(expectedReward[i], actualReward[i], 1e-3);

        // The same uniforms draw the same tokens until a probability differs by a rounding exactly where a uniform lies.
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(expected[i].Reward, actual[i].Reward, 1e-3);
            Assert.Equal(expected[i].Length, actual[i].Length, 1e-9);
        }
    }

    internal static (double[] Losses, float[][] Weights, int[][] Responses, int Seen) Train(Device device, int steps)
    {
        using Transformer model = Toy.Model(device);
        SftStep[] done = [.. Sft.Train(model, Toy.Examples, Options).Take(steps)];
        int[][] responses = [.. Sampler.Generate(model, Prompts, Toy.End, Greedy).Select(r => r.Ids)];
        return ([.. done.Select(s => s.Loss)], model.Weights(), responses, done.Sum(s => s.Tokens));
    }

    private static (float[] RHat, DprStep[] Steps) Reinforce(Device device)
    {
        (Transformer policy, Transformer expert, Transformer start) = Toy.Tuned(device);
        var reward = new DenseReward(expert, start);
        float[] rHat = reward.Recover(new ResponseBatch(Toy.Examples)).RHat;
        var options = new DprOptions { Updates = 3, PromptsPerUpdate = 42, MaxTokens = 5, LearningRate = 1e-3, Ends = Toy.End };
        return (rHat, [.. DensePathReinforce.Train(policy, reward, Prompts, options)]);
    }
}
