using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>Whitening makes rewards of any scale comparable, but not rounding.</summary>
public class WhiteningTests
{
    [Fact]
    public void Returns_of_the_size_of_rounding_stay_small()
    {
        float[] noise = [3e-7f, -4e-7f, 0, 5e-7f];
        Assert.Equal(3.5355e-7, Returns.DivideByRms(noise), 1e-10);
        Assert.All(noise, a => Assert.InRange(Math.Abs(a), 0, 5.1e-7 / Returns.SmallestRms));
        float[] just = [.02f, -.02f];
        Returns.DivideByRms(just);
        Assert.Equal([1, -1], just); // above the floor nothing changes
    }

    // The same draws and rewards, once of size 1 and once of the size of rounding.
    [Fact]
    public void A_reward_of_rounding_does_not_drive_the_policy_away()
    {
        using Device device = Device.Cpu(1);
        using Transformer expert = Toy.Model(device);
        foreach (SftStep _ in Sft.Train(expert, Toy.Examples, new SftOptions { Steps = 60, BatchSize = 42, LearningRate = 5e-3 })) { }
        Assert.True(Drift(1) > .5, $"{Drift(1)}");
        Assert.True(Drift(1e-7f) < .02, $"{Drift(1e-7f)}");

        double Drift(float scale)
        {
            using Transformer policy = expert.Clone(trainable: true);
            var options = new DprOptions
            {
                Updates = 40,
                PromptsPerUpdate = 42,
                MaxTokens = 5,
                Ends = Toy.End,
                Beta = .1,
                LearningRate = 5e-3,
                WarmupUpdates = 0,
                CollapseKl = 1000
            };
            DprStep[] steps = [.. DensePathReinforce.Train(policy, new Noise(expert, scale), [.. Toy.Examples.Select(e => e.PromptIds)],
                options)];
            Assert.InRange(steps[0].AdvantageRms!.Value, .1 * scale, 10 * scale);
            return steps[^1].Kl;
        }
    }

    // A number of its own for each token of the vocabulary: something to pursue, however small.
    private sealed class Noise(Transformer expert, float scale) : ITokenReward
    {
        public Transformer Expert => expert;

        public TokenRewards Score(Tape tape, PolicyRows expert, ResponseBatch batch) =>
            new([.. batch.Targets.Select(id => scale * (float)new Rng(5, (ulong)id).NextNormal())]);
    }
}
