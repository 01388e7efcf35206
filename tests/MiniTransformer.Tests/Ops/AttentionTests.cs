using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
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
        device, (_, x) => x[0].Attention(x[1], x[2]), x => AttentionReference.Forward(x[0], x[1], x[2], b, t, h, hkv, d, 1 / Math.Sqrt(d)), Tolerance,
        OpCheck.Normal(new Shape(b, t, h, d), seed: 1), OpCheck.Normal(new Shape(b, t, hkv, d), seed: 2), OpCheck.Normal(new Shape(b, t, hkv, d), seed: 3));

    [DeviceTheory]
    [OnEveryDevice(1, 7, 2, 1, 6, 1)] // nothing but itself
    [OnEveryDevice(2, 9, 4, 2, 4, 3)]
    [OnEveryDevice(1, 40, 2, 1, 4, 17)]
    [OnEveryDevice(1, 70, 1, 1, 4, 5)] // whole tiles are hidden
    public void With_a_window_and_a_scale_it_agrees_with_its_definition(string device, int b, int t, int h, int hkv, int d, int window) => OpCheck.Agrees(
        device, (_, x) => x[0].Attention(x[1], x[2], 0.3f, window), x => AttentionReference.Forward(x[0], x[1], x[2], b, t, h, hkv, d, 0.3f, window),
        Tolerance, OpCheck.Normal(new Shape(b, t, h, d), seed: 1), OpCheck.Normal(new Shape(b, t, hkv, d), seed: 2),
        OpCheck.Normal(new Shape(b, t, hkv, d), seed: 3));

    [DeviceTheory, OnEveryDevice]
    public void A_window_as_long_as_the_sequence_is_none_to_the_last_bit(string name)
    {
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        Tensor q = tape.Constant(Operand.Normal(70 * 8, seed: 1), new Shape(1, 70, 2, 4)), k = tape.Constant(Operand.Normal(70 * 4, seed: 2), new Shape(1, 70, 1, 4));
        Operand.Identical(q.Attention(k, k).ToArray(), q.Attention(k, k, window: 70).ToArray());
        Assert.NotEqual(q.Attention(k, k).ToArray(), q.Attention(k, k, window: 69).ToArray());
    }

    [DeviceTheory, OnEveryDevice]
    public void One_tensor_may_be_queries_keys_and_values(string device)
    {
        const int b = 2, t = 5, h = 2, d = 6;
        OpCheck.Agrees(
            device, (_, x) => x[0].Attention(x[0], x[0]), x => AttentionReference.Forward(x[0], x[0], x[0], b, t, h, h, d, 1 / Math.Sqrt(d)), Tolerance,
            OpCheck.Normal(new Shape(b, t, h, d), seed: 1));
    }

    [Fact]
    public void Heads_that_do_not_divide_are_an_error_that_says_what_is_needed()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor q = tape.Variable(new float[32], new Shape(1, 2, 4, 4)), k = tape.Variable(new float[24], new Shape(1, 2, 3, 4));
        Assert.Equal(
            "Attention: q (1, 2, 4, 4) and k (1, 2, 3, 4) do not fit: k must be (1, 2, Hkv, 4) with Hkv a divisor of 4.",
            Assert.Throws<ArgumentException>(() => q.Attention(k, k)).Message);
        Assert.Equal("Attention: the shapes differ: (1, 2, 3, 4) and (1, 2, 4, 4).", Assert.Throws<ArgumentException>(() => q.Attention(k, q)).Message);
        Tensor flat = q.Reshape(new Shape(2, 16));
        Assert.Equal("Attention: q has shape (2, 16); (B, T, H, D) is needed.", Assert.Throws<ArgumentException>(() => flat.Attention(k, k)).Message);
    }
}
