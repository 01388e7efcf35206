using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Ops;

public class ReduceTests
{
    private static readonly GradientInput X = OpCheck.Normal(new Shape(5, 11), seed: 1);

    [DeviceTheory, OnEveryDevice]
    public void Sums_agree_with_their_definitions(string device)
    {
        float[] w = Operand.Normal(55, seed: 2);
        OpCheck.Agrees(device, (_, x) => x[0].Sum(), x => [x[0].Sum()], OpCheck.Few, X);
        OpCheck.Agrees(
            device, (tape, x) => x[0].WeightedSum(tape.Constant(w, X.Shape), -0.3f), x =>
                [-0.3f * x[0].Zip(w, (a, b) => a * b).Sum()], OpCheck.Few, X);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_long_sum_is_added_in_double(string name)
    {
        // 2²⁴ + 1 in float is 2²⁴: a sum kept in float would lose all the ones.
        using Device device = Devices.Open(name);
        using Tape tape = Tape.NoGrad(device);
        float[] x = [1 << 24, .. Enumerable.Repeat(1f, 100_000)];
        Assert.Equal((1 << 24) + 100_000f, tape.Constant(x, new Shape(x.Length)).Sum().Item());
    }

    [Fact]
    public void Weights_are_constants_of_the_same_shape()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[4], new Shape(4)), w = tape.Variable(new float[4], new Shape(4));
        Assert.Contains("use (x * w).Sum()", Assert.Throws<ArgumentException>(() => x.WeightedSum(w)).Message, StringComparison.Ordinal);
        Tensor longer = tape.Constant(new float[5], new Shape(5));
        Assert.Equal("WeightedSum: the shapes differ: (4) and (5).", Assert.Throws<ArgumentException>(() => x.WeightedSum(longer)).Message);
    }
}
