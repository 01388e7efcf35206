using System.Numerics;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Ops;

namespace MiniTransformer.Tests.Autograd;

public class GradientCheckTests
{
    private static readonly GradientInput X = OpCheck.Normal(new Shape(3, 4), seed: 1), W = OpCheck.Normal(new Shape(5, 4), seed: 2);

    [DeviceTheory, OnEveryDevice]
    public void A_right_backward_passes(string name)
    {
        using Device device = Devices.Open(name);
        GradientCheck.Check(device, (_, x) => x[0].Linear(x[1]).Silu().Square().Sum(), X, W);
        GradientCheck.Check(device, (_, x) => x[0].Linear(x[1]).LogSumExp().Sum(), X, W);
    }

    [DeviceTheory, OnEveryDevice]
    public void A_wrong_backward_is_found_and_named(string name)
    {
        using Device device = Devices.Open(name);
        GradientDifference d = GradientCheck.Largest(device, (_, x) => x[0].Linear(x[1]).Map<CubeWithWrongDerivative>("Cube").Sum(), X, W);
        Assert.True(d.Error > 100 * GradientCheck.Tolerance, $"error {d.Error}");
        string message = Assert.Throws<ArithmeticException>(
            () => GradientCheck.Check(device, (_, x) => x[0].Map<CubeWithWrongDerivative>("Cube").Sum(), X)).Message;
        Assert.StartsWith("GradientCheck: input 0, element ", message, StringComparison.Ordinal);
    }

    // y = x³, y′ = 3x², given as 2x².
    private readonly struct CubeWithWrongDerivative : IUnaryOp
    {
        public static float Forward(float x) => x * x * x;

        public static Vector<float> Forward(Vector<float> x) => x * x * x;

        public static float Derivative(float x, float y) => 2 * x * x;

        public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => 2 * x * x;
    }
}
