using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Ops;

public class MatMulTests
{
    [DeviceTheory]
    [OnEveryDevice(1, 1, 1)]
    [OnEveryDevice(5, 3, 7)]
    [OnEveryDevice(18, 17, 19)]
    public void Products_agree_with_their_definitions(string device, int m, int n, int k)
    {
        // Sums of k products of numbers near 1, relative to the largest sum.
        GradientInput x = OpCheck.Normal(new Shape(m, k), seed: 1), w = OpCheck.Normal(new Shape(k, n), seed: 2),
            wt = OpCheck.Normal(new Shape(n, k), seed: 3);
        OpCheck.Agrees(device, (_, t) => t[0].MatMul(t[1]), t => Product(t[0], t[1], m, n, k, (j, i) => i * n + j), OpCheck.Few, x, w);
        OpCheck.Agrees(device, (_, t) => t[0].Linear(t[1]), t => Product(t[0], t[1], m, n, k, (j, i) => j * k + i), OpCheck.Few, x, wt);
    }

    [DeviceTheory, OnEveryDevice]
    public void One_matrix_may_be_both_operands(string device)
    {
        const int n = 6;
        GradientInput x = OpCheck.Normal(new Shape(n, n), seed: 1);
        OpCheck.Agrees(device, (_, t) => t[0].MatMul(t[0]), t => Product(t[0], t[0], n, n, n, (j, i) => i * n + j), OpCheck.Few, x);
        OpCheck.Agrees(device, (_, t) => t[0].Linear(t[0]), t => Product(t[0], t[0], n, n, n, (j, i) => j * n + i), OpCheck.Few, x);
    }

    [DeviceTheory]
    [OnEveryDevice(1, 5, 3)]
    [OnEveryDevice(3, 259, 64)]
    [OnEveryDevice(40, 64, 176)]
    [OnEveryDevice(300, 33, 20)]
    public void A_linear_layer_computes_the_same_bits_with_and_without_recording(string name, int m, int n, int k)
    {
        using Device device = Devices.Open(name);
        using var weight = new Parameter(device, "weight", new Shape(n, k));
        float[] x = Operand.Normal(m * k, seed: 1);
        foreach (ulong seed in (ulong[])[2, 3]) // the second value: a layout kept from the first would be out of date
        {
            weight.Set(Operand.Normal(n * k, seed));
            using Tape recorded = Tape.Record(device), free = Tape.NoGrad(device);
            Operand.Identical(
                recorded.Constant(x, new Shape(m, k)).Linear(weight).ToArray(), free.Constant(x, new Shape(m, k)).Linear(weight).ToArray());
        }
    }

    [Fact]
    public void Errors_name_the_op_the_shapes_and_the_fix()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[16], new Shape(2, 8)), w = tape.Variable(new float[40], new Shape(5, 8)),
            v = tape.Variable(new float[8], new Shape(8));
        Assert.Equal(
            "MatMul: inner dimensions differ: (2, 8) × (5, 8); 8 ≠ 5. Did you mean x.Linear(w), which multiplies by wᵀ?",
            Assert.Throws<ArgumentException>(() => x.MatMul(w)).Message);
        Tensor t = tape.Variable(new float[40], new Shape(8, 5));
        Assert.Equal(
            "Linear: the input (2, 8) has 8 channels, the weight (8, 5) takes 5. Did you mean x.MatMul(w), without the transpose?",
            Assert.Throws<ArgumentException>(() => x.Linear(t)).Message);
        Assert.Equal("MatMul: the right operand has shape (8); a matrix (K, N) is needed.",
            Assert.Throws<ArgumentException>(() => x.MatMul(v)).Message);
    }

    [Fact]
    public void Operands_on_two_devices_are_refused()
    {
        using Device one = Device.Cpu(1), two = Device.Cpu(2);
        using var w = new Parameter(two, "w", new Shape(3, 3));
        using Tape tape = Tape.Record(one);
        Tensor x = tape.Variable(new float[6], new Shape(2, 3));
        string message = Assert.Throws<ArgumentException>(() => x.Linear(w)).Message;
        Assert.StartsWith("Linear: the operands are on two devices", message, StringComparison.Ordinal);
    }

    private static double[] Product(double[] x, double[] w, int m, int n, int k, Func<int, int, int> at)
    {
        var y = new double[m * n];
        for (int r = 0; r < m; r++)
        {
            for (int j = 0; j < n; j++)
            {
                for (int i = 0; i < k; i++) y[r * n + j] += x[r * k + i] * w[at(j, i)];
            }
        }

        return y;
    }
}
