using System.Numerics;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class PointwiseTests
{
    // Float functions of a few roundings, and exponentials within 2 ulp: 1e-6 is about eight units in the last place.
    private const double Tolerance = 1e-6;

    private static readonly int[] Lengths = [1, 3, 8, 16, 37, 259];

    [Fact]
    public void Exp_is_right() => Unary<Exp>(Math.Exp, x => x);

    [Fact]
    public void Log_is_right() => Unary<Log>(Math.Log, x => 0.5f + Math.Abs(x));

    [Fact]
    public void Sigmoid_is_right() => Unary<Sigmoid>(x => 1 / (1 + Math.Exp(-x)), x => 4 * x);

    [Fact]
    public void Silu_is_right() => Unary<Silu>(x => x / (1 + Math.Exp(-x)), x => 4 * x);

    [Fact]
    public void Gelu_is_right() => Unary<Gelu>(GeluOf, x => 2 * x);

    [Fact]
    public void LogAddExp_is_right() => Binary<LogAddExp>((a, b) => Math.Log(Math.Exp(a) + Math.Exp(b)));

    [Fact]
    public void LogAddExp_of_what_is_forbidden_or_far_apart_is_the_larger()
    {
        const float no = float.NegativeInfinity;
        foreach ((float a, float b, float y) in ((float, float, float)[])[(no, no, no), (no, 3, 3), (-7, no, -7), (500, -500, 500),
            (-200, -200, -200 + MathF.Log(2))])
        {
            float vector = LogAddExp.Forward(Vector.Create(a), Vector.Create(b))[0], one = LogAddExp.Forward(a, b);
            Assert.True(y == vector || Math.Abs(y - vector) < 1e-5f * Math.Abs(y), $"{vector} for {a} and {b}");
            Assert.True(y == one || Math.Abs(y - one) < 1e-5f * Math.Abs(y), $"{one} for {a} and {b}");
        }
    }

    [Fact]
    public void GeluMultiply_is_right() => Binary<GeluMultiply>((a, b) => GeluOf(a) * b);

    [Fact]
    public void Gelu_is_finite_far_out()
    {
        foreach (float x in (float[])[30f, 1e4f, 1e15f, 1e30f])
        {
            Assert.Equal(x, Gelu.Forward(Vector.Create(x))[0]);
            Assert.Equal(x, Gelu.Forward(x));
            Assert.Equal(0f, Gelu.Forward(Vector.Create(-x))[0]);
            Assert.Equal((1f, 1f), (Gelu.Derivative(Vector.Create(x), default)[0], Gelu.Derivative(x, x)));
            Assert.Equal(0, Gelu.Derivative(Vector.Create(-x), default)[0], 1e-20);
            Assert.Equal(0, Gelu.Derivative(-x, 0), 1e-20);
        }

        Assert.True(float.IsNaN(Gelu.Forward(Vector.Create(float.NaN))[0]));
    }

    [Fact]
    public void Sqrt_is_right() => Unary<Sqrt>(Math.Sqrt, x => 0.5f + Math.Abs(x));

    [Fact]
    public void Square_is_right() => Unary<Square>(x => x * x, x => x);

    [Fact]
    public void Divide_is_right() => Binary<Divide>((a, b) => a / b, b => 1.5f + Math.Abs(b));

    [Fact]
    public void Add_is_right() => Binary<Add>((a, b) => a + b);

    [Fact]
    public void Subtract_is_right() => Binary<Subtract>((a, b) => a - b);

    [Fact]
    public void Multiply_is_right() => Binary<Multiply>((a, b) => a * b);

    [Fact]
    public void SiluMultiply_is_right() => Binary<SiluMultiply>((a, b) => a / (1 + Math.Exp(-a)) * b);

    [Fact]
    public void Sigmoid_and_Silu_are_finite_far_out()
    {
        Assert.Equal(0f, Sigmoid.Forward(Vector.Create(-700f))[0]);
        Assert.Equal(1f, Sigmoid.Forward(Vector.Create(700f))[0]);
        Assert.Equal(0f, Silu.Forward(Vector.Create(-700f))[0]);
        Assert.Equal(700f, Silu.Forward(Vector.Create(700f))[0]);
        Assert.Equal(1f, Silu.Derivative(Vector.Create(700f), Vector.Create(700f))[0]);
    }

    private static double GeluOf(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    [Fact]
    public void Map_may_run_in_place_and_a_gradient_may_serve_both_sides_of_Zip()
    {
        float[] x = Operand.Normal(19, seed: 3);
        using var xs = new Buffer<float>(x);
        using var dy = new Buffer<float>(Enumerable.Repeat(1f, 19).ToArray());
        using var dx = new Buffer<float>(Operand.Zeros(19));
        new ZipBackward<Multiply>(xs, xs, dy, dx, dx).Run(0, 19);
        Operand.Close([.. x.Select(v => 2.0 * v)], dx.ToArray(), Tolerance); // (x²)′ = 2x
        new Map<Square>(xs, xs, 19).Run(0, 19);
        Operand.Close([.. x.Select(v => (double)v * v)], xs.ToArray(), Tolerance);
    }

    private static void Unary<TOp>(Func<double, double> f, Func<float, float> domain)
        where TOp : struct, IUnaryOp
    {
        foreach (int n in Lengths)
        {
            float[] x = [.. Operand.Normal(n, seed: 1).Select(domain)], dy = Operand.Normal(n, seed: 2),
                before = Operand.Normal(n, seed: 3);
            using Buffer<float> xs = new(x), ys = new(Operand.Zeros(n)), dys = new(dy), dxs = new(before);
            new Map<TOp>(xs, ys, n).Run(0, n);
            new MapBackward<TOp>(xs, ys, dys, dxs).Run(0, n);

            double[] y = [.. x.Select(v => f(v))];
            double[] slope = [.. x.Select(v => CentralDifference.Gradient(at => f(at[0]), [v])[0])];
            double[] dx = [.. before.Select((g, i) => g + dy[i] * slope[i])];
            Operand.Close(y, ys.ToArray(), Tolerance);
            Operand.Close(dx, dxs.ToArray(), Tolerance, floor: 10); // sums of terms up to 10

            Operand.Close(y, [.. x.Select(TOp.Forward)], Tolerance);
            Operand.Close(slope, [.. x.Select(v => TOp.Derivative(v, TOp.Forward(v)))], Tolerance);
        }
    }

    private static void Binary<TOp>(Func<double, double, double> f, Func<float, float>? domainB = null)
        where TOp : struct, IBinaryOp
    {
        foreach (int n in Lengths)
        {
            float[] a = Operand.Normal(n, seed: 1), b = [.. Operand.Normal(n, seed: 2).Select(domainB ?? (v => v))],
                dy = Operand.Normal(n, seed: 3);
            float[] before = Operand.Normal(n, seed: 4);
            using Buffer<float> pa = new(a), pb = new(b), ys = new(Operand.Zeros(n)), dys = new(dy), da = new(before), db = new(before);
            new Zip<TOp>(pa, pb, ys).Run(0, n);
            new ZipBackward<TOp>(pa, pb, dys, da, null).Run(0, n);
            new ZipBackward<TOp>(pa, pb, dys, null, db).Run(0, n);

            double[][] slopes = [.. a.Select((v, i) => CentralDifference.Gradient(at => f(at[0], at[1]), [v, b[i]]))];
            Operand.Close([.. a.Select((v, i) => f(v, b[i]))], ys.ToArray(), Tolerance);
            Operand.Close([.. before.Select((g, i) => g + dy[i] * slopes[i][0])], da.ToArray(), Tolerance, floor: 10);
            Operand.Close([.. before.Select((g, i) => g + dy[i] * slopes[i][1])], db.ToArray(), Tolerance, floor: 10);

            Operand.Close([.. a.Select((v, i) => f(v, b[i]))], [.. a.Select((v, i) => TOp.Forward(v, b[i]))], Tolerance);
            Operand.Close([.. slopes.Select(s => s[0])], [.. a.Select((v, i) => TOp.DerivativeA(v, b[i]))], Tolerance);
            Operand.Close([.. slopes.Select(s => s[1])], [.. a.Select((v, i) => TOp.DerivativeB(v, b[i]))], Tolerance);
        }
    }
}
