using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

public class SftTests
{
    private static readonly SftOptions Learning = new() { Steps = 150, BatchSize = 42, LearningRate = 5e-3 };

    [DeviceTheory, OnEveryDevice]
    public void Sft_learns_the_task_from_the_first_answer_token_to_the_end_token(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Toy.Model(device);
        SftStep[] steps = [.. Sft.Train(model, Toy.Examples, Learning)];
        Assert.InRange(steps[0].Loss, 1, 5); // near log 9 = 2.2
        Assert.True(steps[^1].Loss < 0.1, $"loss {steps[^1].Loss}");
        SampledResponse[] answers = Sampler.Generate(model, [.. Toy.Examples.Select(e => e.PromptIds)], Toy.End,
            SamplingOptions.Greedy with { MaxTokens = 6 });
        for (int i = 0; i < answers.Length; i++)
        {
            Assert.Equal(Toy.Examples[i].ResponseIds, answers[i].Ids);
            Assert.True(answers[i].Ended);
        }
    }

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(2)]
    public void The_loss_is_the_mean_over_response_tokens_of_the_cross_entropy_computed_one_sequence_at_a_time(string name, int microBatch)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        Example[] examples = Models.Examples(7, model.Config.VocabSize, seed: 2);
        PlainLlama reference = Plain.Of(model);
        double[][] perResponse =
            [.. examples.Select(e => reference.LogProbs([.. e.PromptIds, .. e.ResponseIds])[(e.PromptIds.Length - 1)..])];
        double expected = -perResponse.Sum(r => r.Sum()) / perResponse.Sum(r => r.Length);

        var options = new SftOptions { Steps = 1, BatchSize = 7, MicroBatchSize = microBatch };
        SftStep step = Sft.Train(model, examples, options).Single();
        Assert.Equal(expected, step.Loss, 1e-5 * expected); // float through two layers
        Assert.Equal(examples.Sum(e => e.ResponseIds.Length), step.Tokens);

        // The nearest false losses are far away: a mean of means, and labels shifted once more.
        double meanOfMeans = -perResponse.Average(r => r.Average());
        Assert.True(Math.Abs(meanOfMeans - expected) > 1e-3 * expected);
        double shifted = -examples.Sum(e => reference.LogProbs([.. e.PromptIds, .. e.ResponseIds]).Take(e.ResponseIds.Length).Sum())
            / step.Tokens;
        Assert.True(Math.Abs(shifted - expected) > 1e-3 * expected);
    }

    [DeviceTheory, OnEveryDevice]
    public void Micro_batches_of_unequal_token_counts_give_the_gradient_of_the_whole_batch(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        Example[] examples =
        [
            new([1], [2]), new([3, 4], [5]), new([1, 2, 3], [6, 7, 8, 9, 10, 11, 12]), new([4], [13, 14, 15, 16, 17]), new([9, 8], [7, 2]),
        ];
        float[][] whole = Gradient(size: 5, meanOfMeans: false), pieces = Gradient(size: 2, meanOfMeans: false),
            means = Gradient(size: 2, meanOfMeans: true);
        for (int i = 0; i < whole.Length; i++)
        {
            // The same terms added in another order: some roundings of the largest element.
            double largest = whole[i].Max(Math.Abs);
            Operand.Close(whole[i].Doubles(), pieces[i], 1e-5, floor: largest);
        }

        Assert.True(Distance(whole, means) > 0.05, $"{Distance(whole, means)}");

        float[][] Gradient(int size, bool meanOfMeans)
        {
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            var batches = new MicroBatches(examples, size);
            foreach (ResponseBatch batch in batches.Pieces)
            {
                using Tape tape = Tape.Record(device);
                float scale = meanOfMeans ? 1f / batch.N / batches.Pieces.Count : 1f / batches.TokenCount;
                tape.Backward(new Objective().Loss(tape, model.Rows(tape, batch), batch, scale));
            }

            return model.Gradients();
        }
    }

    [Fact]
    public void Padding_and_longer_neighbours_leave_a_gradient_alone()
    {
        using Device device = Device.Cpu(2);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        Example shorter = new([1, 2], [3, 4]), longer = new([5, 6, 7, 8, 9, 10], [11, 12, 13, 14]);
        float[][] together = Gradient(shorter, longer),
            apart = [.. Gradient(shorter).Zip(Gradient(longer), (a, b) => a.Zip(b, (x, y) => x + y).ToArray())];
        for (int i = 0; i < together.Length; i++) Operand.Close(apart[i].Doubles(), together[i], 1e-5, floor: apart[i].Max(Math.Abs));

        float[][] Gradient(params Example[] examples)
        {
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            var batch = new ResponseBatch(examples);
            using Tape tape = Tape.Record(device);
            tape.Backward(new Objective().Loss(tape, model.Rows(tape, batch), batch, scale: 1));
            return model.Gradients();
        }
    }

    [Fact]
    public void A_batch_without_a_token_to_learn_is_an_error_that_names_the_line()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        Example[] empty = [new([1, 3], [], Source: "demos.jsonl:7")];
        float[][] before = model.Weights();
        string message = Assert.Throws<DataException>(() => Sft.Train(model, empty, new SftOptions { Steps = 3 }).Count()).Message;
        Assert.StartsWith("demos.jsonl:7: no token of this batch carries loss", message, StringComparison.Ordinal);
        Toy.Identical(before, model.Weights());
    }

    [Fact]
    public void Each_fraction_asks_for_its_checkpoint_once()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Toy.Model(device);
        var options = new SftOptions { Steps = 10, BatchSize = 2, KeepAt = [0.25, 0.5, 0.95, 1] };
        (int, double?)[] kept = [.. Sft.Train(model, Toy.Examples, options).Where(s => s.KeepAt is not null)
            .Select(s => (s.Step, s.KeepAt))];
        Assert.Equal([(3, 0.25), (5, 0.5), (10, 1.0)], kept); // 0.95 and 1 are reached together
    }

    [Theory]
    [InlineData(10, 4, 1, 3)] // the last batch of an epoch is short, not dropped
    [InlineData(10, 32, 3, 3)]
    [InlineData(3000, 32, 0.5, 47)]
    public void An_epoch_sees_every_demonstration(int demonstrations, int batchSize, double epochs, int steps) =>
        Assert.Equal(steps, new SftOptions { BatchSize = batchSize, Epochs = epochs }.StepsFor(demonstrations));

    [Fact]
    public void The_same_seed_gives_the_same_weights_on_any_number_of_threads()
    {
        SftOptions options = Learning with { Steps = 8, BatchSize = 16 };
        float[][] first = Train(1, options);
        Toy.Identical(first, Train(1, options));
        Toy.Identical(first, Train(2, options));
        Toy.Identical(first, Train(3, options));
        Assert.NotEqual(first[0], Train(1, options with { Seed = 2 })[0]);

        static float[][] Train(int threads, SftOptions options)
        {
            using Device device = Device.Cpu(threads);
            using Transformer model = Toy.Model(device);
            Assert.Equal(8, Sft.Train(model, Toy.Examples, options).Count());
            return model.Weights();
        }
    }

    [DeviceTheory]
    [OnEveryDevice(1)]
    [OnEveryDevice(4)]
    [OnEveryDevice(9)]
    public void A_run_that_is_stopped_and_rebuilt_continues_to_the_last_bit(string name, int stopAfter)
    {
        SftOptions options = Learning with { Steps = 10, BatchSize = 16, MicroBatchSize = 10 };
        using Device device = Devices.Open(name), later = Devices.OpenSibling(name);
        using Transformer whole = Toy.Model(device), model = Toy.Model(device);
        SftStep[] undisturbed = [.. Sft.Train(whole, Toy.Examples, options)];
        using var optimizer = new AdamW(model.Parameters, options.Optimizer);
        Assert.Equal(stopAfter, Sft.Train(model, Toy.Examples, options, optimizer).Take(stopAfter).Count());

        (Transformer copy, AdamW continued) = Toy.Rebuild(later, model, optimizer);
        SftStep[] rest = [.. Sft.Train(copy, Toy.Examples, options, continued)];
        Assert.Equal(undisturbed[stopAfter..].Select(s => s with { Seconds = 0 }), rest.Select(s => s with { Seconds = 0 }));
        Toy.Identical(whole.Weights(), copy.Weights());
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new SftOptions { LearningRate = 0 }.Validate());
        Assert.Throws<ArgumentException>(() => new SftOptions { KeepAt = [0.5, 1.5] }.Validate());
        Assert.Throws<ArgumentException>(() => new SftOptions { Epochs = double.NaN }.Validate());
        Assert.ThrowsAny<ArgumentException>(() => new SftOptions { BatchSize = 0 }.Validate());
        Assert.Throws<ArgumentException>(() => new SftOptions { Objective = new Objective(Gamma: 1.5) }.Validate());
    }

    // |a − b| / |a|
    private static double Distance(float[][] a, float[][] b) => Math.Sqrt(
        a.Zip(b, (x, y) => x.Zip(y, (u, v) => Math.Pow(u - v, 2)).Sum()).Sum() / a.Sum(x => x.Sum(u => (double)u * u)));
}
