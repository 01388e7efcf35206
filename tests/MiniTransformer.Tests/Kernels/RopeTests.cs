using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class RopeTests
{
    private const int MaxPositions = 40;

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 6)]
    [InlineData(3, 20)]
    [InlineData(4, 32)]
    public void Forward_turns_pairs_and_backward_turns_them_back(int H, int D)
    {
        int[] positions = [0, 1, 39, 7, 7];
        int n = positions.Length * H * D;
        float[] x = Operand.Normal(n, seed: 1), before = Operand.Normal(n, seed: 2);
        using Buffer<float> xs = new(x), ys = new(Operand.Zeros(n)), back = new(before), cos = new(Table(D, Math.Cos)),
            sin = new(Table(D, Math.Sin));
        using var at = new Buffer<int>(positions);

        // Angles are exact in the tables up to rounding; four operations a number.
        new Rope(xs, at, cos, sin, ys, H, D, 1f, false).Run(0, positions.Length);
        Operand.Close(RopeReference.Forward(x.Doubles(), positions, H, D), ys.ToArray(), 1e-6);

        // A rotation's inverse is its transpose: turning y back adds x.
        new Rope(ys, at, cos, sin, back, H, D, -1f, true).Run(0, positions.Length);
        Operand.Close([.. x.Select((v, i) => (double)v + before[i])], back.ToArray(), 2e-6);

        new Rope(xs, at, cos, sin, xs, H, D, 1f, false).Run(0, positions.Length);
        Operand.Identical(ys.Span, xs.Span);
    }

    [Fact]
    public void Scores_depend_on_the_distance_alone()
    {
        const int D = 20;
        float[] q = Operand.Normal(D, seed: 1), k = Operand.Normal(D, seed: 2);
        using Buffer<float> cos = new(Table(D, Math.Cos)), sin = new(Table(D, Math.Sin));
        double Score(int i, int j)
        {
            using Buffer<float> x = new([.. q, .. k]), y = new(Operand.Zeros(2 * D));
            using Buffer<int> positions = new(i, j);
            new Rope(x, positions, cos, sin, y, 1, D, 1f, false).Run(0, 2);
            return y.ToArray()[..D].Zip(y.ToArray()[D..], (a, b) => (double)a * b).Sum();
        }

        Assert.Equal(Score(5, 2), Score(39, 36), 1e-5); // a sum of 20 products near 1, each within 1e-7
    }

    private static float[] Table(int D, Func<double, double> f) =>
        [.. Enumerable.Range(0, MaxPositions * (D / 2)).Select(i => (float)f(i / (D / 2) * Math.Pow(10000, -2.0 * (i % (D / 2)) / D)))];
}
