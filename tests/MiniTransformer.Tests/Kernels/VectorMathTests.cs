using System.Numerics;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Kernels;

public class VectorMathTests
{
    [Fact]
    public void Exp_is_within_two_units_in_the_last_place()
    {
        double worst = Sweep(-86.9f, 88.7f).Max(x => Ulps(VectorMath.Exp(x), Math.Exp(x)));
        Assert.True(worst <= 2, $"{worst} ulp"); // the documented bound
    }

    [Fact]
    public void Log_is_within_two_units_in_the_last_place()
    {
        // 1e-45 to 3e38 by their exponents, and densely around 1, where ln x is near 0.
        IEnumerable<float> everywhere = Sweep(-103f, 88.7f).Select(x => (float)Math.Exp(x)).Where(x => x > 0);
        double worst = everywhere.Concat(Sweep(0.5f, 2f)).Max(x => Ulps(VectorMath.Log(x), Math.Log(x)));
        Assert.True(worst <= 2, $"{worst} ulp"); // the documented bound
    }

    [Fact]
    public void Exp_has_the_right_limits()
    {
        Assert.Equal(1f, VectorMath.Exp(0f));
        Assert.Equal(0f, VectorMath.Exp(float.NegativeInfinity));
        Assert.Equal(0f, VectorMath.Exp(-700f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(88.73f));
        Assert.True(float.IsFinite(VectorMath.Exp(88.72f)));
        Assert.Equal(float.NaN, VectorMath.Exp(float.NaN));
        Assert.Equal(float.NaN, VectorMath.Exp(BitConverter.UInt32BitsToSingle(0xFFFF_FFFF)));
    }

    [Fact]
    public void Log_has_the_right_limits()
    {
        Assert.Equal(0f, VectorMath.Log(1f));
        Assert.Equal(float.NegativeInfinity, VectorMath.Log(0f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Log(float.PositiveInfinity));
        Assert.Equal(float.NaN, VectorMath.Log(-1f));
        Assert.Equal(float.NaN, VectorMath.Log(float.NaN));
    }

    [Fact]
    public void A_lane_does_not_depend_on_the_others()
    {
        float[] x = Operand.Normal(Vector<float>.Count, seed: 1, scale: 30);
        Vector<float> exp = VectorMath.Exp(new Vector<float>(x)), log = VectorMath.Log(Vector.Abs(new Vector<float>(x)));
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal(VectorMath.Exp(x[i]), exp[i]);
            Assert.Equal(VectorMath.Log(Math.Abs(x[i])), log[i]);
        }
    }

    private static IEnumerable<float> Sweep(float from, float to)
    {
        var rng = new Rng(seed: 7);
        for (int i = 0; i < 200_000; i++) yield return from + (to - from) * (float)rng.NextDouble();
    }

    // The distance from the exact value in units of the spacing of floats there.
    private static double Ulps(float actual, double exact)
    {
        float nearest = Math.Abs((float)exact);
        return Math.Abs(actual - exact) / (MathF.BitIncrement(nearest) - nearest);
    }
}
