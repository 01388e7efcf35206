using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>Rows of a policy in chunks of their logits: the chunk is a matter of memory alone.</summary>
public class PolicyRowsTests
{
    private const int Responses = 190; // some hundred tokens: three chunks of 256 rows

    private static readonly ResponseBatch Batch = new(Models.Examples(Responses, Models.Odd.VocabSize, seed: 4));

    [DeviceTheory]
    [OnEveryDevice(false)]
    [OnEveryDevice(true)]
    public void Neither_a_rows_measures_nor_a_gradient_depend_on_the_chunk_to_the_last_bit(string name, bool tied)
    {
        Assert.InRange(Batch.N, 2 * 256 + 1, 4 * 256);
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd with { TieEmbeddings = tied }, seed: 1),
            reference = Models.Random(device, Models.Odd, seed: 2);
        float[][] whole = Run(0);
        foreach (int rows in (int[])[256, 512])
        {
            float[][] chunked = Run(rows);
            for (int i = 0; i < whole.Length; i++) Operand.Identical(whole[i], chunked[i]);
        }

        float[][] Run(int logitRows)
        {
            device.LogitRows = logitRows;
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            TokenIds ids = tape.Targets(Batch);
            PolicyRows other = reference.FrozenRows(tape, Batch), rows = model.Rows(tape, Batch);
            Tensor[] measured = [
                .. rows.Measure(RowMeasure.LogProb(ids), RowMeasure.Kl(other), RowMeasure.Entropy), rows.Q(ids), rows.LogSumExp(),
                rows.Measure(RowMeasure.FlooredRatio(other, .1f))[0]];
            Tensor loss = measured[0].WeightedSum(tape.Constant(Operand.Normal(Batch.N, seed: 9), measured[0].Shape));
            foreach (Tensor measure in measured[1..^1]) loss += measure.Sum();
            tape.Backward(loss);
            return [.. measured.Select(m => m.ToArray()), .. model.Gradients()];
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Mixtures_extrapolations_and_temperatures_do_not_depend_on_the_chunk_either(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer a = Models.Random(device, Models.Odd, seed: 1), b = Models.Random(device, Models.Odd, seed: 2),
            c = Models.Random(device, Models.Odd, seed: 3);
        float[][] whole = Run(0), chunked = Run(256);
        for (int i = 0; i < whole.Length; i++) Operand.Identical(whole[i], chunked[i]);

        float[][] Run(int logitRows)
        {
            device.LogitRows = logitRows;
            using Tape tape = Tape.NoGrad(device);
            PolicyRows first = a.Rows(tape, Batch), second = b.Rows(tape, Batch), third = c.Rows(tape, Batch);
            PolicyRows mean = PolicyRows.Mean([first, second, third]), far = PolicyRows.Extrapolated(first, second, 1.5f);
            return [first.Kl(mean).ToArray(), mean.Entropy().ToArray(), far.LogProb(tape.Targets(Batch)).ToArray(), far.Scaled(.5f)
                .Kl(third).ToArray(), mean.Logits().ToArray()];
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void The_mean_of_policies_is_that_of_their_probabilities_however_improbable_a_token_is(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        Tensor hidden = tape.Constant([1f], new Shape(1, 1));
        float[][] logits = [[0, -200, 3, float.NegativeInfinity], [1, -203, -90, float.NegativeInfinity],
            [-2, -201, 2, float.NegativeInfinity]];
        PolicyRows[] policies = [.. logits.Select(l => PolicyRows.Of(hidden, tape.Constant(l, new Shape(4, 1))))];
        double[] expected = [.. Enumerable.Range(0, 4)
            .Select(a => Math.Log(logits.Average(l => Math.Exp(l[a] - Math.Log(l.Sum(x => Math.Exp(x)))))))];
        float[] actual = PolicyRows.Mean(policies).Logits().ToArray();
        for (int a = 0; a < 3; a++) Assert.Equal(expected[a], actual[a], 3e-5); // one rounding of −200
        Assert.Equal(float.NegativeInfinity, actual[3]);
        Assert.Equal(logits[1], PolicyRows.Mean([policies[1]]).Logits().ToArray());
    }

    [Fact]
    public void No_more_than_a_chunk_of_logits_exists_however_many_rows_there_are()
    {
        TransformerConfig config = Models.Odd with { VocabSize = 5000, TieEmbeddings = true };
        long Peak(int rows, int responses)
        {
            using Device device = Device.Cpu(1);
            device.LogitRows = rows;
            using Transformer model = Models.Random(device, config, seed: 1);
            using Transformer expert = model.Clone();
            var batch = new ResponseBatch([.. Enumerable.Range(0, responses).Select(_ => new Example([1], [.. Enumerable.Range(0, 30)]))]);
            using Tape tape = Tape.Record(device);
            Tensor[] measured = model.Rows(tape, batch)
                .Measure(RowMeasure.LogProb(tape.Targets(batch)), RowMeasure.Kl(expert.FrozenRows(tape, batch)), RowMeasure.Entropy);
            tape.Backward(measured[0].Sum() + measured[1].Sum() + measured[2].Sum());
            return tape.Arena.Peak;
        }

        const long chunk = 256 * 5000;
        long few = Peak(256, 20), many = Peak(256, 40), whole = Peak(2048, 40);
        // the activations of 600 more rows; their logits would be 2.3 chunks, for each of three
        Assert.True(many < few + 3 * chunk / 2, $"{many} and {few}");
        Assert.True(whole > many + 5 * chunk, $"{whole} and {many}"); // 4.7 chunks of logits, their gradient, and the expert's
    }

    [Fact]
    public void The_policies_of_a_step_keep_one_chunk_of_logits_together()
    {
        long few = Peak(2), many = Peak(6);
        Assert.True(many < few + 150 * 5000, $"{many} and {few}"); // logits of one more

        static long Peak(int policies)
        {
            using Device device = Device.Cpu(1);
            device.LogitRows = 256;
            using Transformer model = Models.Random(device, Models.Odd with { VocabSize = 5000 }, seed: 1);
            var batch = new ResponseBatch([.. Enumerable.Range(0, 5).Select(_ => new Example([1], [.. Enumerable.Range(0, 30)]))]);
            using Tape tape = Tape.NoGrad(device);
            for (int i = 0; i < policies; i++) _ = model.Rows(tape, batch).LogSumExp();
            return tape.Arena.Peak;
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Two_policies_of_the_same_hidden_rows_add_up_their_gradients_in_chunks_as_in_one(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        float[][] whole = Run(0), chunked = Run(256);
        for (int i = 0; i < whole.Length; i++) Operand.Identical(whole[i], chunked[i]);

        float[][] Run(int logitRows)
        {
            device.LogitRows = logitRows;
            foreach (Parameter p in model.Parameters) p.ZeroGradient();
            using Tape tape = Tape.Record(device);
            Tensor hidden = model.Hidden(tape.Rows(Batch.Inputs, Batch.InputStarts), tape.Ids(Batch.Rows, new Shape(Batch.N)));
            tape.Backward(model.PolicyOf(hidden).LogProb(tape.Targets(Batch)).Sum() + model.PolicyOf(hidden).Entropy().Sum());
            return model.Gradients();
        }
    }

    [Fact]
    public void A_chunk_is_some_blocks_of_rows_and_by_default_what_the_memory_allows()
    {
        using Device device = Device.Cpu(1);
        Assert.Equal(0, device.RowsOfLogits(262_144) % 256);
        Assert.InRange(device.RowsOfLogits(262_144) * 262_144L * 4, 1, 268_435_456);
        Assert.True(device.RowsOfLogits(262) > 10_000);
        Assert.All((int[])[262, 32_000, 50_257, 151_936], vocabulary => Assert.Equal(0, device.RowsOfLogits(vocabulary) % 256));
        Assert.Equal("LogitRows: 100 came; 0 or a multiple of 256 is needed.",
            Assert.Throws<ArgumentException>(() => device.LogitRows = 100).Message);
        device.LogitRows = 512;
        Assert.Equal(512, device.RowsOfLogits(262_144));
    }

    [Fact]
    public void Policies_of_different_size_are_not_compared()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        using Tape tape = Tape.NoGrad(device);
        PolicyRows rows = model.Rows(tape, Batch), fewer = model.Rows(tape, new ResponseBatch(Batch.Examples.Take(3).ToArray()));
        Assert.Contains("cannot be compared", Assert.Throws<ArgumentException>(() => rows.Kl(fewer)).Message, StringComparison.Ordinal);
    }
}
