using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>
/// An update in pieces: all is drawn, scored and compared with all; loss and gradient come piece by piece, divided by one number.
/// </summary>
public class PiecesTests
{
    // With so large an epsilon a step of AdamW is the gradient times the rate, up to (|g| + 1): weights then differ as gradients do, by
    // sums in another order.
    private const double Tolerance = 2e-6;
    private static readonly AdamWOptions Smooth = new() { WeightDecay = 0, Epsilon = 1, ClipNorm = 0 };

    private static readonly Dictionary<string, Func<Transformer, DenseReward, int, TrainingStep>> Trainers = new()
    {
        ["dpr"] = (policy, reward, size) => Dpr(policy, reward, new DprOptions { Gamma = .9 }, size),
        ["dpr, two divergences and an entropy bonus"] = (policy, reward, size) =>
            Dpr(policy, reward, new DprOptions { ReferenceBeta = .5, EntropyBonus = .1, Whiten = false }, size),
        ["dpr, k1 in the reward"] = (policy, reward, size) => Dpr(policy, reward, new DprOptions { KlForm = KlForm.K1InReward }, size),
        ["dpr, k3"] = (policy, reward, size) => Dpr(policy, reward, new DprOptions { KlForm = KlForm.K3 }, size),
        ["sentence level"] = (policy, reward, size) =>
            Dpr(policy, reward, new DprOptions { SentenceLevel = true, Baseline = Baseline.None }, size),
        ["rloo"] = (policy, reward, size) => Rloo.Train(
            policy, reward, Prompts,
            new RlooOptions
            {
                PromptsPerUpdate = 9,
                SamplesPerPrompt = 3,
                Updates = 1,
                WarmupUpdates = 0,
                LearningRate = 1,
                MaxTokens = 5,
                Ends = Toy.End,
                Optimizer = Smooth,
                MicroBatchSize = size
            }).Single(),
        ["spin"] = (policy, reward, size) => Spin.Train(
            policy, reward.Expert, reward.References[0], Toy.Examples,
            new SpinOptions
            {
                PairsPerUpdate = 19,
                Updates = 1,
                WarmupUpdates = 0,
                LearningRate = 1,
                MaxTokens = 5,
                Ends = Toy.End,
                Optimizer = Smooth,
                MicroBatchSize = size
            }).Single(),
        ["gsil"] = (policy, reward, size) => Gsil.Train(
            policy, reward.Expert, reward.References[0], Toy.Examples,
            new GsilOptions
            {
                PairsPerUpdate = 19,
                Updates = 1,
                WarmupUpdates = 0,
                LearningRate = 1,
                MaxTokens = 5,
                Ends = Toy.End,
                Optimizer = Smooth,
                MicroBatchSize = size
            }).Single(),
    };

    public static TheoryData<string> Names => [.. Trainers.Keys];

    private static int[][] Prompts => [.. Toy.Examples.Select(e => e.PromptIds)];

    [Theory]
    [MemberData(nameof(Names))]
    public void An_update_in_pieces_is_the_update_in_one(string trainer)
    {
        using Device device = Device.Cpu(1);
        (Transformer start, Transformer expert, Transformer reference) = Toy.Tuned(device, steps: 20);
        float[][] before = Models.Random(device, Toy.Config, seed: 5).Weights(); // off the expert, so that no divergence is 0
        (TrainingStep whole, float[][] weights) = Run(0);
        foreach (int size in (int[])[7, 2, 1])
        {
            (TrainingStep pieces, float[][] others) = Run(size);
            Assert.Equal(whole.Tokens, pieces.Tokens);
            Assert.Equal(whole.Loss, pieces.Loss, 1e-5);
            Assert.Equal(whole.GradientNorm, pieces.GradientNorm, 1e-5 * whole.GradientNorm);
            if (whole is ReinforceStep one && pieces is ReinforceStep several)
            {
                Assert.Equal((one.Reward, one.Length, one.Ended), (several.Reward, several.Length, several.Ended));
                Assert.Equal(one.Kl, several.Kl, 1e-5);
                Assert.Equal(one.Entropy, several.Entropy, 1e-5);
            }

            double moved = 0;
            for (int p = 0; p < weights.Length; p++)
            {
                for (int i = 0; i < weights[p].Length; i++)
                {
                    Assert.Equal(weights[p][i], others[p][i], Tolerance);
                    moved = Math.Max(moved, Math.Abs(weights[p][i] - before[p][i]));
                }
            }

            Assert.True(moved > 100 * Tolerance, $"moved by {moved}");
        }

        (TrainingStep, float[][]) Run(int size)
        {
            for (int p = 0; p < before.Length; p++) start.Parameters[p].Set(before[p]);
            TrainingStep step = Trainers[trainer](start, new DenseReward(expert, reference), size);
            return (step, start.Weights());
        }
    }

    [Fact]
    public void A_number_of_sequences_below_zero_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new DprOptions { MicroBatchSize = -1 }.Validate());

    private static DprStep Dpr(Transformer policy, DenseReward reward, DprOptions options, int size) => DensePathReinforce.Train(
        policy, reward, Prompts,
        options with
        {
            PromptsPerUpdate = 23,
            Updates = 1,
            WarmupUpdates = 0,
            LearningRate = 1,
            MaxTokens = 5,
            Ends = Toy.End,
            Optimizer = Smooth,
            MicroBatchSize = size
        }).Single();
}
