using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class ElementwiseTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(37)]
    public void Scale_AddScaled_and_Fill_do_what_they_say(int n)
    {
        float[] x = Operand.Normal(n, seed: 1), y = Operand.Normal(n, seed: 2);
        using Buffer<float> xs = new(x), ys = new(y), zs = new(y);
        new AddScaled(xs, 0.5f, ys).Run(0, n);
        new Scale(xs, -3f, zs).Run(0, n);
        Operand.Identical([.. x.Select((v, i) => MathF.FusedMultiplyAdd(0.5f, v, y[i]))], ys.Span);
        Operand.Identical([.. x.Select(v => -3f * v)], zs.Span);
        new Fill(zs, 7f).Run(0, n - 1);
        Assert.All(zs.ToArray()[..^1], v => Assert.Equal(7f, v));
        Assert.Equal(-3f * x[^1], zs.Span[^1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(259)]
    [InlineData(2 * 16384 + 5)]
    public void Dot_and_SquaredNorm_add_in_double_precision(int n)
    {
        float[] a = Operand.Normal(n, seed: 1), b = Operand.Normal(n, seed: 2);
        int chunks = (n + Dot.ChunkSize - 1) / Dot.ChunkSize;
        using Buffer<float> pa = new(a), pb = new(b);
        using var partials = new Buffer<double>(new double[chunks]);
        void Check(double[] terms)
        {
            // Only the order of the additions differs: n roundings of 2⁻⁵³ of the sum of magnitudes bound the difference.
            Assert.Equal(terms.Sum(), partials.ToArray().Sum(), n * Math.ScaleB(1, -53) * terms.Sum(Math.Abs));
        }

        new Dot(pa, pb, n, partials).Run(0, chunks);
        Check([.. a.Zip(b, (x, y) => (double)x * y)]);
        new Dot(pa, null, n, partials).Run(0, chunks);
        Check(a.Doubles());
        new SquaredNorm(pa, n, partials).Run(0, chunks);
        Check([.. a.Select(x => (double)x * x)]);
    }

    [Fact]
    public void AdamW_follows_its_paper_and_clears_the_gradient()
    {
        const int n = 37;
        const double rate = 0.01, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, decay = 0.1, clip = 0.5;
        float[] start = Operand.Normal(n, seed: 1);
        double[] p = start.Doubles(), m = new double[n], v = new double[n];
        using Buffer<float> ps = new(start), gs = new(Operand.Zeros(n)), ms = new(Operand.Zeros(n)), vs = new(Operand.Zeros(n));
        for (int t = 1; t <= 5; t++)
        {
            float[] g = Operand.Normal(n, seed: 10 + (ulong)t);
            g.CopyTo(gs.Span);
            new AdamW(
                ps, gs, ms, vs, (float)rate, (float)beta1, (float)beta2, (float)epsilon, (float)decay, (float)clip,
                (float)(1 - Math.Pow(beta1, t)), (float)(1 - Math.Pow(beta2, t))).Run(0, n);
            for (int i = 0; i < n; i++)
            {
                (p[i], m[i], v[i]) = AdamWReference.Step(p[i], clip * g[i], m[i], v[i], rate, beta1, beta2, epsilon, decay, t);
            }

            Assert.All(gs.ToArray(), x => Assert.Equal(0f, x));
        }

        // 1 − 0.95 in float is off by 5e-7 relative; the parameter moves by 0.01 a step, so its error is far smaller.
        Operand.Close(m, ms.ToArray(), 2e-6, floor: 0.1);
        Operand.Close(v, vs.ToArray(), 4e-6, floor: 0.01);
        Operand.Close(p, ps.ToArray(), 1e-6);
    }
}
