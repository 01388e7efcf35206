namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// A sum kept as two floats, high + low, with some 48 bits in all: what the CPU adds up in double. Many GPUs compute in double slowly or
/// not at all.
/// </summary>
/// <param name="high">The sum, rounded.</param>
/// <param name="low">What rounding lost so far.</param>
internal readonly struct Compensated(float high, float low)
{
    /// <summary>The sum, rounded to a float.</summary>
    public float High { get; } = high;

    /// <summary>What rounding lost.</summary>
    public float Low { get; } = low;

    /// <summary>
    /// This plus x. The error of the addition a + b = s is exactly (a − (s − t)) + (b − t) with t = s − a (D. E. Knuth, "The Art of
    /// Computer Programming", vol. 2, 4.2.2).
    /// </summary>
    public Compensated Plus(float x)
    {
        float s = High + x, t = s - High;
        return new Compensated(s, Low + ((High - (s - t)) + (x - t)));
    }

    /// <summary>This plus another.</summary>
    public Compensated Plus(Compensated other)
    {
        Compensated sum = Plus(other.High);
        return new Compensated(sum.High, sum.Low + other.Low);
    }
}
