using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class StepMemoryTests
{
    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 40,
        HiddenSize = 48,
        IntermediateSize = 96,
        NumLayers = 6,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 128,
    };

    private static readonly ResponseBatch Batch = new(
        [.. Enumerable.Range(0, 8)
            .Select(i =>
                new Example([1, .. Enumerable.Range(0, 60).Select(j => (i + j) % 40)],
                    [.. Enumerable.Range(0, 40 + i).Select(j => (3 * j + i) % 40)]))]);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Predicted_activations_are_those_of_the_real_step_to_the_byte(bool recompute)
    {
        using Device device = Device.Cpu(1);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1)) { Recompute = recompute };
        using Tape tape = Tape.Record(device);
        Tensor loss = new Objective().Loss(tape, model.Rows(tape, Batch), Batch, 1f / Batch.N);
        tape.Backward(loss);

        long taken = device.PeakBytes - device.PersistentBytes;
        Assert.Equal(taken, StepMemory.OfSft(Config, Batch, recompute, like: device).Activations);
        Assert.InRange(taken, 4 * tape.Arena.Peak, long.MaxValue); // the unused ends of slabs among them
    }

    [Fact]
    public void Recomputation_gives_the_same_loss_and_gradients_bit_for_bit()
    {
        (float Loss, float[][] Gradients) plain = LossAndGradients(recompute: false), again = LossAndGradients(recompute: true);

        Assert.Equal(plain.Loss, again.Loss);
        Assert.Equal(plain.Gradients, again.Gradients);
        Assert.All(plain.Gradients, g => Assert.Contains(g, x => x != 0));
    }

    [Fact]
    public void Recomputation_needs_the_activations_of_about_one_layer()
    {
        long plain = StepMemory.OfSft(Config, Batch).Activations, recomputed = StepMemory.OfSft(Config, Batch, recompute: true).Activations;

        // One of six layers, the six results and their gradients, and what lies outside the layers: less than two fifths.
        Assert.InRange(recomputed, 1, plain * 2 / 5);
    }

    [Fact]
    public void Weights_gradients_and_moments_are_counted()
    {
        StepMemory memory = StepMemory.OfSft(Config, Batch);
        long weights = Config.ParameterShapes().Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b)),
            tables = 2L * Config.MaxPositions * (Config.HeadDim / 2);

        Assert.Equal(4 * (weights + tables), memory.Parameters);
        Assert.Equal(4 * weights, memory.Gradients);
        Assert.Equal(8 * weights, memory.Optimizer);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0)]
    [InlineData(5, 256)]
    public void The_predicted_memory_of_an_update_of_DPR_is_that_of_a_real_one_to_the_byte(int microBatch, int logitRows)
    {
        using Device device = Device.Cpu(1);
        device.LogitRows = logitRows;
        using Transformer expert = new Transformer(Config, ParameterSource.Random(device, 1)).Frozen(),
            reference = new Transformer(Config, ParameterSource.Random(device, 2)).Frozen();
        int[][] prompts = [.. Enumerable.Range(0, 12).Select(i => Enumerable.Repeat(1, 20 + i).ToArray())];
        var options = new DprOptions
        {
            PromptsPerUpdate = 12,
            Updates = 1,
            MaxTokens = 40,
            Ends = EndTokens.None,
            MicroBatchSize = microBatch,
            ReferenceBeta = .5
        };
        StepMemory predicted = StepMemory.OfDpr(expert, [reference], prompts, options);

        using Transformer policy = expert.Clone(trainable: true);
        using var optimizer = new AdamW(policy.Parameters, options.Optimizer);
        Assert.Single(DensePathReinforce.Train(policy, new DenseReward(expert, reference), prompts, options, optimizer));
        Assert.Equal(device.PeakBytes, predicted.Total);
        long weights = Config.ParameterShapes().Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b));
        Assert.Equal((4 * weights, 8 * weights), (predicted.Gradients, predicted.Optimizer));
        Assert.InRange(predicted.Parameters, 12 * weights, 12 * weights + 200_000); // three policies, and their rotation tables
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void So_is_that_of_adapters_which_share_their_base_with_or_without_recomputation(bool recompute)
    {
        using Device device = Device.Cpu(1);
        using Transformer model = new Transformer(Config, ParameterSource.Random(device, 1)).Frozen();
        using Transformer expert = Adapted(2), reference = Adapted(3);
        int[][] prompts = [.. Enumerable.Range(0, 12).Select(i => Enumerable.Repeat(1, 20 + i).ToArray())];
        var options = new DprOptions { PromptsPerUpdate = 12, Updates = 1, MaxTokens = 40, Ends = EndTokens.None };
        StepMemory predicted = StepMemory.OfDpr(expert, [reference], prompts, options);

        using Transformer policy = expert.Clone(trainable: true);
        policy.Recompute = recompute;
        using var optimizer = new AdamW(policy.Parameters, options.Optimizer);
        Assert.Single(DensePathReinforce.Train(policy, new DenseReward(expert, reference), prompts, options, optimizer));
        Assert.Equal(device.PeakBytes, predicted.Total);
        long trained = policy.Parameters.Where(p => p.Trainable).Sum(p => (long)p.Shape.Count),
            frozen = model.Parameters.Sum(p => (long)p.Shape.Count);
        Assert.Equal((4 * trained, 8 * trained, 4 * frozen), (predicted.Gradients, predicted.Optimizer, predicted.Frozen));

        Transformer Adapted(ulong seed)
        {
            using Transformer trainable = model.Adapted(new LoraOptions { Rank = 2 }, seed);
            Transformer adapted = trainable.Clone();
            adapted.Recompute = recompute;
            return adapted;
        }
    }

    [Fact]
    public void An_update_of_DPR_in_pieces_needs_less()
    {
        using Device device = Device.Cpu(1);
        using Transformer expert = new Transformer(Config with { VocabSize = 3000 }, ParameterSource.Random(device, 1)).Frozen();
        int[][] prompts = [.. Enumerable.Range(0, 64).Select(_ => new int[40])];
        var options = new DprOptions { PromptsPerUpdate = 64, MaxTokens = 60 };
        long whole = StepMemory.OfDpr(expert, [expert], prompts, options).Activations;
        long pieces = StepMemory.OfDpr(expert, [expert], prompts, options with { MicroBatchSize = 8 }).Activations;
        Assert.True(2 * pieces < whole, $"{pieces} and {whole}");
    }

    private static (float Loss, float[][] Gradients) LossAndGradients(bool recompute)
    {
        using Device device = Device.Cpu(2);
        using var model = new Transformer(Config, ParameterSource.Random(device, 1)) { Recompute = recompute };
        using Tape tape = Tape.Record(device);
        Tensor loss = new Objective().Loss(tape, model.Rows(tape, Batch), Batch, 1f / Batch.N);
        tape.Backward(loss);
        return (loss.Item(), [.. model.Parameters.Select(p => p.GradientToArray())]);
    }
}

internal static class FrozenModels
{
    /// <summary>The model without gradients.</summary>
    public static Transformer Frozen(this Transformer model)
    {
        foreach (Parameter p in model.Parameters) p.Trainable = false;
        return model;
    }
}
