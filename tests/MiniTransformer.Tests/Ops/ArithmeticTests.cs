using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Ops;

public class ArithmeticTests
{
    private static readonly GradientInput A = OpCheck.Normal(new Shape(3, 13), seed: 1), B = OpCheck.Normal(new Shape(3, 13), seed: 2);

    [DeviceTheory, OnEveryDevice]
    public void Sum_difference_and_product_agree_with_their_definitions(string device)
    {
        OpCheck.Agrees(device, (_, x) => x[0] + x[1], x => Zip(x, (a, b) => a + b), OpCheck.Few, A, B);
        OpCheck.Agrees(device, (_, x) => x[0] - x[1], x => Zip(x, (a, b) => a - b), OpCheck.Few, A, B);
        OpCheck.Agrees(device, (_, x) => x[0] * x[1], x => Zip(x, (a, b) => a * b), OpCheck.Few, A, B);
        OpCheck.Agrees(device, (_, x) => x[0].SiluMultiply(x[1]), x => Zip(x, (a, b) => a / (1 + Math.Exp(-a)) * b), OpCheck.Few, A, B);
        OpCheck.Agrees(device, (_, x) => -2.5f * x[0], x => [.. x[0].Select(a => -2.5 * a)], OpCheck.Few, A);
    }

    [DeviceTheory, OnEveryDevice]
    public void One_tensor_may_be_both_operands(string device)
    {
        OpCheck.Agrees(device, (_, x) => x[0] * x[0], x => [.. x[0].Select(a => a * a)], OpCheck.Few, A);
        OpCheck.Agrees(device, (_, x) => x[0] + x[0], x => [.. x[0].Select(a => a + a)], OpCheck.Few, A);
        OpCheck.Agrees(device, (_, x) => x[0] - x[0], x => [.. x[0].Select(_ => 0.0)], OpCheck.Few, A);
        OpCheck.Agrees(device, (_, x) => x[0].SiluMultiply(x[0]), x => [.. x[0].Select(a => a * a / (1 + Math.Exp(-a)))], OpCheck.Few, A);
    }

    [Fact]
    public void Different_shapes_are_an_error_that_names_op_and_shapes()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor a = tape.Variable(new float[6], new Shape(2, 3)), b = tape.Variable(new float[6], new Shape(3, 2));
        Assert.Equal("Add: the shapes differ: (2, 3) and (3, 2).", Assert.Throws<ArgumentException>(() => a + b).Message);
        Assert.Equal("Multiply: the shapes differ: (2, 3) and (3, 2).", Assert.Throws<ArgumentException>(() => a * b).Message);
        Assert.Equal("SiluMultiply: the shapes differ: (2, 3) and (3, 2).",
            Assert.Throws<ArgumentException>(() => a.SiluMultiply(b)).Message);
    }

    private static double[] Zip(double[][] x, Func<double, double, double> f) => [.. x[0].Zip(x[1], f)];
}
