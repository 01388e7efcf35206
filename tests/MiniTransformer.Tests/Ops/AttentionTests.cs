using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class AttentionTests
{
    // Scores near 1 are sums of D products; their error of about 1e-6 enters the probabilities.
    private const double Tolerance = 5e-6;

    [DeviceTheory]
    [OnEveryDevice(1, 1, 1, 1, 2)]
    [OnEveryDevice(2, 5, 3, 3, 4)] // as many key/value heads as query heads
    [OnEveryDevice(2, 7, 4, 2, 6)] // grouped
    [OnEveryDevice(1, 9, 4, 1, 10)] // one for all
    public void It_agrees_with_its_definition(string device, int b, int t, int h, int hkv, int d) => OpCheck.Agrees(
        device, (tape, x) => x[0].Attention(x[1], x[2], tape.StartsOf(b, t)), x =>
            AttentionReference.Forward(x[0], x[1], x[2], AttentionRun.Equal(b, t), h, hkv, d, 1 / Math.Sqrt(d)), Tolerance,
        OpCheck.Normal(new Shape(b * t, h, d), seed: 1), OpCheck.Normal(new Shape(b * t, hkv, d), seed: 2),
        OpCheck.Normal(new Shape(b * t, hkv, d), seed: 3));

    [DeviceTheory]
    [OnEveryDevice(1, 7, 2, 1, 6, 1)] // nothing but itself
    [OnEveryDevice(2, 9, 4, 2, 4, 3)]
    [OnEveryDevice(1, 40, 2, 1, 4, 17)]
    [OnEveryDevice(1, 70, 1, 1, 4, 5)] // whole tiles are hidden
    public void With_a_window_and_a_scale_it_agrees_with_its_definition(string device, int b, int t, int h, int hkv, int d, int window) =>
        OpCheck.Agrees(
        device, (tape, x) => x[0].Attention(x[1], x[2], tape.StartsOf(b, t), 0.3f, window), x =>
            AttentionReference.Forward(x[0], x[1], x[2], AttentionRun.Equal(b, t), h, hkv, d, 0.3f, window),
        Tolerance, OpCheck.Normal(new Shape(b * t, h, d), seed: 1), OpCheck.Normal(new Shape(b * t, hkv, d), seed: 2),
        OpCheck.Normal(new Shape(b * t, hkv, d), seed: 3));

    [DeviceTheory, OnEveryDevice]
    public void A_window_as_long_as_the_sequence_is_none_to_the_last_bit(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        Tensor q = tape.Constant(Operand.Normal(70 * 8, seed: 1), new Shape(70, 2, 4)),
            k = tape.Constant(Operand.Normal(70 * 4, seed: 2), new Shape(70, 1, 4));
        SequenceStarts one = tape.StartsOf(1, 70);
        Operand.Identical(q.Attention(k, k, one).ToArray(), q.Attention(k, k, one, window: 70).ToArray());
        Assert.NotEqual(q.Attention(k, k, one).ToArray(), q.Attention(k, k, one, window: 69).ToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void One_tensor_may_be_queries_keys_and_values(string device)
    {
        const int b = 2, t = 5, h = 2, d = 6;
        OpCheck.Agrees(
            device, (tape, x) => x[0].Attention(x[0], x[0], tape.StartsOf(b, t)), x =>
                AttentionReference.Forward(x[0], x[0], x[0], AttentionRun.Equal(b, t), h, h, d, 1 / Math.Sqrt(d)), Tolerance,
            OpCheck.Normal(new Shape(b * t, h, d), seed: 1));
    }

    [Fact]
    public void Heads_that_do_not_divide_are_an_error_that_says_what_is_needed()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor q = tape.Variable(new float[32], new Shape(2, 4, 4)), k = tape.Variable(new float[24], new Shape(2, 3, 4));
        SequenceStarts one = tape.StartsOf(1, 2), longer = tape.StartsOf(1, 3);
        Assert.Equal(
            "Attention: q (2, 4, 4) and k (2, 3, 4) do not fit: k must be (2, Hkv, 4) with Hkv a divisor of 4.",
            Assert.Throws<ArgumentException>(() => q.Attention(k, k, one)).Message);
        Assert.Equal("Attention: the shapes differ: (2, 3, 4) and (2, 4, 4).",
            Assert.Throws<ArgumentException>(() => q.Attention(k, q, one)).Message);
        Tensor flat = q.Reshape(new Shape(2, 16));
        Assert.Equal("Attention: q has shape (2, 16); (N, H, D) is needed.",
            Assert.Throws<ArgumentException>(() => flat.Attention(k, k, one)).Message);
        Assert.Equal("Attention: q (2, 4, 4) has 2 rows, but the sequences 3.",
            Assert.Throws<ArgumentException>(() => q.Attention(q, q, longer)).Message);
        Assert.Equal(
            "Starts: (0, 2, 1) came for 1 rows; B + 1 numbers that do not fall are needed, from 0 to 1.",
            Assert.Throws<ArgumentException>(() => tape.Starts([0, 2, 1], 1)).Message);
    }

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(5)]
    public void Sequences_of_any_lengths_agree_with_the_definition_one_by_one(string device, int window)
    {
        int[] starts = [0, 3, 3, 4, 21, 21];
        OpCheck.Agrees(
            device, (tape, x) => x[0].Attention(x[1], x[2], tape.Starts(starts, 21), 0.4f, window),
            x => AttentionReference.Forward(x[0], x[1], x[2], starts, 4, 2, 6, 0.4f, window), Tolerance,
            OpCheck.Normal(new Shape(21, 4, 6), seed: 1), OpCheck.Normal(new Shape(21, 2, 6), seed: 2),
            OpCheck.Normal(new Shape(21, 2, 6), seed: 3));
    }

    [DeviceTheory]
    [OnEveryDevice(0)]
    [OnEveryDevice(37)]
    public void A_sequence_has_the_same_bits_alone_and_among_63_others_of_any_lengths(string name, int window)
    {
        const int h = 4, hkv = 2, d = 12;
        using Device device = Devices.Open(name);
        int[] lengths = [.. Operand.Ids(64, 150, seed: 5).Select((length, b) => b % 7 == 0 ? b / 7 : length)]; // some of none, of one …
        int[] starts = [0, .. lengths.Select((_, b) => lengths[..(b + 1)].Sum())];
        float[] q = Operand.Normal(starts[^1] * h * d, seed: 1), k = Operand.Normal(starts[^1] * hkv * d, seed: 2),
            dy = Operand.Normal(q.Length, seed: 3);
        float[][] together = Run(0, 64);
        foreach (int b in (int[])[0, 1, 13, 33, 63])
        {
            float[][] alone = Run(b, b + 1);
            foreach ((float[] all, float[] own, int row) in ((float[], float[], int)[])[(together[0], alone[0], h * d),
                (together[1], alone[1], h * d), (together[2], alone[2], hkv * d)])
                Operand.Identical(own, all.AsSpan(starts[b] * row, lengths[b] * row));
        }

        float[][] Run(int from, int to)
        {
            int first = starts[from], n = starts[to] - first;
            using Tape tape = Tape.Record(device);
            Tensor queries = tape.Variable(q.AsSpan(first * h * d, n * h * d), new Shape(n, h, d));
            Tensor keys = tape.Variable(k.AsSpan(first * hkv * d, n * hkv * d), new Shape(n, hkv, d));
            Tensor y = queries.Attention(keys, keys, tape.Starts([.. starts[from..(to + 1)].Select(s => s - first)], n), window: window);
            tape.Backward(y.WeightedSum(tape.Constant(dy.AsSpan(first * h * d, n * h * d), y.Shape)));
            return [y.ToArray(), queries.GradToArray(), keys.GradToArray()];
        }
    }
}
