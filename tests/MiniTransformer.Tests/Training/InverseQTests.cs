using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>P1 to P3 through the whole transformer, on batches with prompts and responses of different length.</summary>
public class InverseQTests
{
    // The two sides add the same numbers in another order, soft values cancelling: 1e-4, where a float chain of this depth has 1e-5.
    private const double Tolerance = 1e-4;

    [DeviceTheory]
    [OnEveryDevice(1UL)]
    [OnEveryDevice(2UL)]
    [OnEveryDevice(3UL)]
    [OnEveryDevice(4UL)]
    public void Sft_loss_equals_the_inverse_soft_Q_objective_in_value_and_gradient(string name, ulong seed)
    {
        using var random = new RandomBatch(name, seed);
        (double sft, float[][] sftGradient) = random.Evaluate(new Objective());
        (double inverseQ, float[][] gradient) = random.Evaluate(new Objective(ObjectiveKind.InverseQ));
        Assert.Equal(sft, inverseQ, Tolerance * sft);
        for (int i = 0; i < gradient.Length; i++)
        {
            Assert.True(Distance(sftGradient[i], gradient[i]) < Tolerance, $"{random.NameOf(i)}: {Distance(sftGradient[i], gradient[i])}");
        }
    }

    [DeviceTheory]
    [OnEveryDevice(0.9)]
    [OnEveryDevice(0.3)]
    public void Discounted_it_equals_the_discounted_cross_entropy_and_not_the_plain_one(string name, double gamma)
    {
        using var random = new RandomBatch(name, seed: 5);
        (double discounted, float[][] gradient) = random.Evaluate(new Objective(ObjectiveKind.InverseQ, gamma));
        (double weighted, float[][] weightedGradient) = random.Evaluate((tape, policy, batch, scale) =>
        {
            float[] weights = new float[batch.N];
            for (int b = 0; b < batch.B; b++)
            {
                for (int i = batch.Starts[b]; i < batch.Starts[b + 1]; i++) weights[i] = (float)Math.Pow(gamma, i - batch.Starts[b]);
            }

            return policy.LogProb(tape.Targets(batch)).WeightedSum(tape.Constant(weights, new Shape(batch.N)), -scale);
        });
        Assert.Equal(weighted, discounted, Tolerance * weighted);
        Assert.True(random.Distance(weightedGradient, gradient) < Tolerance);

        (double sft, float[][] sftGradient) = random.Evaluate(new Objective());
        Assert.True(Math.Abs(discounted - sft) > 0.01 * sft);
        Assert.True(random.Distance(sftGradient, gradient) > 0.01);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_chi_squared_regulariser_makes_another_objective(string name)
    {
        using var random = new RandomBatch(name, seed: 6);
        (double sft, float[][] sftGradient) = random.Evaluate(new Objective());
        (double chi2, float[][] gradient) = random.Evaluate(new Objective(ObjectiveKind.InverseQChi2, Alpha: 2));
        Assert.True(Math.Abs(chi2 - sft) > 0.01 * sft);
        Assert.True(random.Distance(sftGradient, gradient) > 0.01);

        // φ(x) = x − x²/4α is x as α → ∞: rewards below 10 leave 10²/4e8 of the value.
        (double limit, float[][] limitGradient) = random.Evaluate(new Objective(ObjectiveKind.InverseQChi2, Alpha: 1e8));
        Assert.Equal(sft, limit, Tolerance * sft);
        Assert.True(random.Distance(sftGradient, limitGradient) < Tolerance);
    }

    [DeviceTheory, OnEveryDevice]
    public void The_regulariser_takes_the_square_of_each_reward_over_four_alpha(string name)
    {
        using var random = new RandomBatch(name, seed: 8);
        // the loss is a mean over tokens too
        double meanSquare = TokenCredit.Score(random.Model, [], random.Batch).RQ.Average(r => (double)r * r);
        (double linear, _) = random.Evaluate(new Objective(ObjectiveKind.InverseQ));
        (double chi2, _) = random.Evaluate(new Objective(ObjectiveKind.InverseQChi2, Alpha: 2));
        Assert.Equal(meanSquare / (4 * 2), chi2 - linear, Tolerance * chi2);
    }

    [DeviceTheory, OnEveryDevice]
    public void The_value_of_the_state_after_the_last_token_must_not_be_kept(string name)
    {
        using var random = new RandomBatch(name, seed: 7);
        (double sft, float[][] sftGradient) = random.Evaluate(new Objective());

        // With V(s_T) kept as if s_T were not terminal, r_{T−1} = Q − V(s_T): the loss gains Σ V(s_T), the soft value after the whole
        // response.
        int vocabulary = Models.Odd.VocabSize;
        (double kept, float[][] gradient) = random.Evaluate((tape, policy, batch, scale) =>
        {
            var whole =
                new ResponseBatch([.. batch.Examples.Select(e => new Example([.. e.PromptIds, .. e.ResponseIds], [vocabulary - 1]))]);
            Tensor tail = random.Model.Rows(tape, whole).LogSumExp().Sum().Scale(scale);
            return new Objective(ObjectiveKind.InverseQ).Loss(tape, policy, batch, scale) + tail;
        });
        Assert.True(Math.Abs(kept - sft) > 0.01 * sft);
        Assert.True(random.Distance(sftGradient, gradient) > 0.01);
    }

    [DeviceTheory, OnEveryDevice]
    public void Training_by_the_inverse_soft_Q_objective_follows_Sft_for_a_hundred_steps(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer sft = Toy.Model(device), inverseQ = Toy.Model(device);
        var options = new SftOptions { Steps = 100, BatchSize = 12, LearningRate = 1e-3 };
        double worst = 0, first = 0, last = 0;
        foreach ((SftStep a, SftStep b) in Sft.Train(sft, Toy.Examples, options)
            .Zip(Sft.Train(inverseQ, Toy.Examples, options with { Objective = new Objective(ObjectiveKind.InverseQ) })))
        {
            worst = Math.Max(worst, Math.Abs(a.Loss - b.Loss) / a.Loss);
            if (a.Step == 1) first = a.Loss;
            last = a.Loss;
        }

        // Gradients differ by rounding, near 1e-6; Adam's division by √v and the descent itself let the paths part slowly.
        Assert.True(worst < 1e-4, $"{worst}");
        Assert.True(last < 0.6 * first); // it did train
    }

    private static double Distance(float[] a, float[] b) =>
        Math.Sqrt(a.Zip(b, (u, v) => Math.Pow(u - v, 2)).Sum() / Math.Max(1e-12, a.Sum(u => (double)u * u)));

    private sealed class RandomBatch : IDisposable
    {
        private readonly Device device;
        private readonly ResponseBatch batch;

        public RandomBatch(string name, ulong seed)
        {
            device = Devices.Open(name);
            Model = Models.Random(device, Models.Odd with { TieEmbeddings = seed % 2 == 0 }, seed);
            batch = new ResponseBatch(Models.Examples(6, Models.Odd.VocabSize, seed + 100));
        }

        public Transformer Model { get; }

        public ResponseBatch Batch => batch;

        public string NameOf(int parameter) => Model.Parameters[parameter].Name;

        public (double Loss, float[][] Gradient) Evaluate(Objective objective) => Evaluate(objective.Loss);

        public (double Loss, float[][] Gradient) Evaluate(Func<Tape, PolicyRows, ResponseBatch, float, Tensor> objective)
        {
            foreach (Parameter p in Model.Parameters) p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            Tensor loss = objective(tape, Model.Rows(tape, batch), batch, 1f / batch.N);
            tape.Backward(loss);
            return (loss.Item(), Model.Gradients());
        }

        // Over all parameters: |a − b| / |a|.
        public double Distance(float[][] a, float[][] b) => InverseQTests.Distance([.. a.SelectMany(x => x)], [.. b.SelectMany(x => x)]);

        public void Dispose()
        {
            Model.Dispose();
            device.Dispose();
        }
    }
}
