using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Ops;

public class PointwiseTests
{
    [DeviceTheory, OnEveryDevice]
    public void Functions_of_one_element_agree_with_their_definitions(string device)
    {
        GradientInput x = OpCheck.Normal(new Shape(2, 3, 7), seed: 1);
        var positive = new GradientInput([.. x.Values.Select(v => MathF.Abs(v) + 0.3f)], x.Shape);
        Check((_, t) => t[0].Exp(), Math.Exp, x);
        Check((_, t) => t[0].Log(), Math.Log, positive);
        Check((_, t) => t[0].Sigmoid(), v => 1 / (1 + Math.Exp(-v)), x);
        Check((_, t) => t[0].Silu(), v => v / (1 + Math.Exp(-v)), x);
        Check((_, t) => t[0].Gelu(), v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))), x);
        Check((_, t) => t[0].Square(), v => v * v, x);
        Check((_, t) => t[0].Sqrt(), Math.Sqrt, positive);

        void Check(Func<Tape, Tensor[], Tensor> op, Func<double, double> f, GradientInput at) =>
            OpCheck.Agrees(device, op, v => [.. v[0].Select(f)], OpCheck.Few, at);
    }
}
