using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

public class TransformerTests
{
    private static readonly TransformerConfig[] Forms =
    [
        Models.Odd,
        Models.Odd with { TieEmbeddings = true, RmsNormEps = 1e-6f, RopeTheta = 500_000f },
        // a width that the heads do not divide
        Models.Odd with { NumKeyValueHeads = 1, HeadDim = 10, HiddenSize = 21, IntermediateSize = 7, NumLayers = 1 },
        Models.Odd with { NumHeads = 2, NumKeyValueHeads = 2, HeadDim = 2, HiddenSize = 8, VocabSize = 3, NumLayers = 3,
            TieEmbeddings = true },
    ];

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(1)]
    [OnEveryDevice(2)]
    [OnEveryDevice(3)]
    public void Logits_agree_with_Llama_written_in_double(string name, int form)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Forms[form], seed: 1);
        PlainLlama reference = Plain.Of(model.Config, Weights(model));
        int[] ids = Operand.Ids(2 * 33, model.Config.VocabSize, seed: 2);
        using Tape tape = Tape.NoGrad(device);
        float[] logits = model.Forward(tape.OfLength(ids, 33)).ToArray();

        // Some hundred float operations in sequence through up to three layers, on logits near 1.
        double[][] expected = [.. reference.Logits(ids[..33]), .. reference.Logits(ids[33..])];
        Operand.Close([.. expected.SelectMany(row => row)], logits, 1e-5);
    }

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(1)]
    [OnEveryDevice(2)]
    [OnEveryDevice(3)]
    public void The_gradient_of_every_parameter_agrees_with_central_differences_of_that_reference(string name, int form)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Forms[form], seed: 3);
        var batch = new ResponseBatch(Models.Examples(3, model.Config.VocabSize, seed: 4));
        float[] weights = Operand.Normal(batch.N, seed: 5);
        using (Tape tape = Tape.Record(device))
        {
            Tensor logProb = model.Rows(tape, batch).LogProb(tape.Targets(batch));
            tape.Backward(logProb.WeightedSum(tape.Constant(weights, logProb.Shape)));
        }

        Dictionary<string, double[]> at = Weights(model);
        PlainLlama reference = Plain.Of(model.Config, at);
        double Loss()
        {
            double sum = 0;
            int n = 0;
            foreach (Example e in batch.Examples)
            {
                foreach (double logProb in reference.LogProbs([.. e.PromptIds, .. e.ResponseIds])[(e.PromptIds.Length - 1)..])
                {
                    sum += weights[n++] * logProb;
                }
            }

            return sum;
        }

        foreach (Parameter p in model.Parameters)
        {
            float[] gradient = p.GradientToArray();
            double largest = Math.Max(1e-3, gradient.Max(Math.Abs));

            // The largest derivative of the parameter, and two others.
            foreach (int i in (int[])[Array.FindIndex(gradient, g => Math.Abs(g) >= largest), gradient.Length / 3, gradient.Length - 1])
            {
                const double h = 1e-5;
                double[] values = at[p.Name];
                int element = Math.Max(0, i);
                double before = values[element];
                values[element] = before + h;
                double up = Loss();
                values[element] = before - h;
                double expected = (up - Loss()) / (2 * h);
                values[element] = before;

                // Float sums over the batch through all layers, relative to the parameter's largest derivative.
                Assert.True(Math.Abs(expected - gradient[element]) <= 2e-5 * largest,
                    $"{p.Name}[{element}]: {gradient[element]:R}, expected {expected:R}");
            }
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void A_sequences_logits_do_not_depend_on_its_neighbours_nor_on_what_follows_to_the_last_bit(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int v = model.Config.VocabSize;
        int[] ids = Operand.Ids(5, v, seed: 2);
        float[] alone = Logits(ids);
        Operand.Identical(alone, Logits([.. ids, 3, 1]).AsSpan(0, alone.Length));
        foreach (int[] lengths in (int[][])[[1], [6, 2], [17, 0, 1], [33, 40, 1, 1, 0, 12, 5, 39]])
        {
            foreach (int place in (int[])[0, lengths.Length / 2, lengths.Length])
            {
                List<int[]> batch = [.. lengths.Select((length, b) => Operand.Ids(length, v, seed: 3 + (ulong)b))];
                batch.Insert(place, ids);
                Operand.Identical(alone, Logits([.. batch]).AsSpan(lengths[..place].Sum() * v, 5 * v));
            }
        }

        float[] Logits(params int[][] batch)
        {
            using Tape tape = Tape.NoGrad(device);
            return model.Forward(tape.Sequences(batch)).ToArray();
        }
    }

    [DeviceTheory, OnEveryDevice]
    public void Recording_does_not_change_a_bit(string name)
    {
        using Device device = Devices.Open(name);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int[] ids = Operand.Ids(12, model.Config.VocabSize, seed: 2);
        using Tape recorded = Tape.Record(device), free = Tape.NoGrad(device);
        Operand.Identical(model.Forward(recorded.OfLength(ids, 4)).ToArray(), model.Forward(free.OfLength(ids, 4)).ToArray());
    }

    [Fact]
    public void Logits_of_named_rows_are_those_rows_of_all_logits()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        int v = model.Config.VocabSize;
        int[] ids = Operand.Ids(12, v, seed: 2), rows = [11, 0, 7];
        using Tape tape = Tape.NoGrad(device);
        TokenRows tokens = tape.Sequences(ids[..3], ids[3..]);
        float[] all = model.Forward(tokens).ToArray(), some = model.Logits(tokens, tape.Ids(rows, new Shape(3))).ToArray();
        for (int i = 0; i < rows.Length; i++) Operand.Identical(all.AsSpan(rows[i] * v, v), some.AsSpan(i * v, v));
    }

    [Theory]
    [InlineData(null, .0791)] // √(2 / 5·64)
    [InlineData(.02, .02)]
    public void New_weights_have_the_deviation_that_is_asked_for_and_a_smaller_one_where_they_add_to_the_stream(double? asked,
        double expected)
    {
        using Device device = Device.Cpu(1);
        TransformerConfig config = new()
        {
            VocabSize = 300,
            HiddenSize = 64,
            IntermediateSize = 176,
            NumLayers = 2,
            NumHeads = 4,
            MaxPositions = 8,
            InitStd = asked
        };
        using var model = new Transformer(config, ParameterSource.Random(device, 1));
        foreach (Parameter p in model.Parameters.Where(p => p.Shape.Rank == 2))
        {
            bool adds = p.Name.Contains("o_proj", StringComparison.Ordinal) || p.Name.Contains("down_proj", StringComparison.Ordinal);
            double deviation = Math.Sqrt(p.ToArray().Average(w => (double)w * w));
            Assert.InRange(deviation / (adds ? expected / 2 : expected), .95, 1.05); // 1/√(2·layers) = 1/2
        }

        Assert.Equal(config with { InitStd = null }, config); // the same model, begun elsewhere
        Assert.Throws<TransformerConfigException>(() => (config with { InitStd = 0 }).Validate());
    }

    [Fact]
    public void A_frozen_clone_keeps_its_weights_and_takes_no_gradient()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        using Transformer clone = model.Clone();
        float[] before = model.Parameters[0].ToArray();
        model.Parameters[0].Set(new float[before.Length]);
        Assert.Equal(before, clone.Parameters[0].ToArray());
        Assert.All(clone.Parameters, p => Assert.False(p.Trainable));
        clone.CopyFrom(model);
        Assert.Equal(new float[before.Length], clone.Parameters[0].ToArray());
    }

    [Fact]
    public void Ids_and_lengths_that_do_not_fit_are_refused()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        using Tape tape = Tape.NoGrad(device);
        TokenRows foreign = tape.Sequences([0, 19]), longer = tape.Sequences([1], new int[41]);
        Assert.Equal("Embedding: token id 19 came; they run from 0 to 18.",
            Assert.Throws<ArgumentException>(() => model.Forward(foreign)).Message);
        Assert.Equal(
            "Transformer: sequences of 41 tokens came; the model has 40 positions (max_position_embeddings).",
            Assert.Throws<ArgumentException>(() => model.Forward(longer)).Message);
    }

    private static Dictionary<string, double[]> Weights(Transformer model) =>
        model.Parameters.ToDictionary(p => p.Name, p => p.ToArray().Doubles());
}
