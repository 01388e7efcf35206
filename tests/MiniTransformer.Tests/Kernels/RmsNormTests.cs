using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class RmsNormTests
{
    private const int Rows = 5;
    private const float Eps = 1e-5f;

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(20)]
    [InlineData(64)]
    [InlineData(259)]
    public void Forward_and_backward_agree_with_the_definition(int C)
    {
        int n = Rows * C;
        float[] x = Operand.Normal(n, seed: 1), w = Operand.Normal(C, seed: 2), dy = Operand.Normal(n, seed: 3);
        float[] dxBefore = Operand.Normal(n, seed: 4), dwBefore = Operand.Normal(C, seed: 5);
        using Buffer<float> xs = new(x), ws = new(w), ys = new(Operand.Zeros(n)), inverse = new(Operand.Zeros(Rows));
        using Buffer<float> dys = new(dy), dxs = new(dxBefore), dws = new(dwBefore);
        new RmsNormForward(xs, ws, ys, inverse, C, Eps).Run(0, Rows);
        new RmsNormBackwardInput(xs, ws, inverse, dys, dxs, C).Run(0, Rows);
        new RmsNormBackwardWeight(xs, inverse, dys, dws, Rows, C).Run(0, (C + 63) / RmsNormBackwardWeight.BlockSize);

        // Row sums of C ≤ 259 products in partial sums: a few units in the last place; gradients add terms up to about 10.
        // Where C = 1 the input's gradient is a difference that cancels, amplified by 1/ρ: floor 10 covers it.
        Operand.Close(RmsNormReference.Forward(x.Doubles(), w.Doubles(), C, Eps), ys.ToArray(), 1e-6);
        double[] dx = CentralDifference.Gradient(at => RmsNormReference.Forward(at, w.Doubles(), C, Eps), x.Doubles(), dy.Doubles());
        double[] dw = CentralDifference.Gradient(at => RmsNormReference.Forward(x.Doubles(), at, C, Eps), w.Doubles(), dy.Doubles());
        Operand.Close([.. dx.Select((g, i) => g + dxBefore[i])], dxs.ToArray(), 1e-6, floor: 10);
        Operand.Close([.. dw.Select((g, i) => g + dwBefore[i])], dws.ToArray(), 1e-6, floor: 10);
    }

    [Fact]
    public void A_row_of_zeros_stays_zero()
    {
        using Buffer<float> x = new(Operand.Zeros(20)), w = new(Operand.Normal(20, seed: 1)), y = new(Operand.Normal(20, seed: 2)),
            inverse = new(0f);
        new RmsNormForward(x, w, y, inverse, 20, Eps).Run(0, 1);
        Assert.All(y.ToArray(), v => Assert.Equal(0f, v));
        Assert.Equal(1 / Math.Sqrt(Eps), inverse.Span[0], 1e-3); // float rounding of a number near 316
    }
}
