using System.Runtime.CompilerServices;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Eight running sums Σ e^(x − m), each with the maximum m of what it has seen. A new x costs one exponential: with e = e^−|x − m|, the sum
/// becomes sum · e + 1 where x is the new maximum, and sum + e where it is not.
/// </summary>
internal static class OnlineSum
{
    /// <summary>The maximum of nothing; finite, so that −∞ − m is no NaN.</summary>
    public const float Least = -3e38f;

    /// <summary>Takes in eight numbers; −∞ adds nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Float8 x, ref Float8 max, ref Float8 sum)
    {
        Add(x.S0, ref max.S0, ref sum.S0);
        Add(x.S1, ref max.S1, ref sum.S1);
        Add(x.S2, ref max.S2, ref sum.S2);
        Add(x.S3, ref max.S3, ref sum.S3);
        Add(x.S4, ref max.S4, ref sum.S4);
        Add(x.S5, ref max.S5, ref sum.S5);
        Add(x.S6, ref max.S6, ref sum.S6);
        Add(x.S7, ref max.S7, ref sum.S7);
    }

    /// <summary>Σ e^(x − top) over all eight, where top is the largest of the maxima.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Total(Float8 max, Float8 sum, float top) =>
        Lanes.Multiply(sum, Lanes.Exp(Lanes.AddScaled(-top, 1f, max))).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float x, ref float max, ref float sum)
    {
        float difference = x - max;
        float e = Lanes.Exp(difference > 0f ? -difference : difference);
        sum = difference > 0f ? sum * e + 1f : sum + e;
        max = Lanes.Larger(x, max);
    }
}
