using System.Numerics;

namespace MiniTransformer.Judges;

/// <summary>A number as it was written, exactly: numerator over denominator, in lowest terms, with a positive denominator.</summary>
public sealed record Number
{
    private Number(BigInteger numerator, BigInteger denominator)
    {
        BigInteger common = BigInteger.GreatestCommonDivisor(numerator, denominator);
        if (denominator.Sign < 0) common = -common;
        (Numerator, Denominator) = (numerator / common, denominator / common);
    }

    /// <summary>The numerator; it carries the sign.</summary>
    public BigInteger Numerator { get; }

    /// <summary>The denominator, 1 or more.</summary>
    public BigInteger Denominator { get; }

    /// <summary>Whether a per cent sign followed: 50% is 50, and where the other number has none it may be one half as well.</summary>
    public bool IsPercent { get; init; }

    /// <summary>The value, as a double.</summary>
    public double Value
    {
        get
        {
            // Both as doubles where they are exact; else 64 bits of each, so that neither overflows.
            int above = (int)Math.Max(0, Numerator.GetBitLength() - 64), below = (int)Math.Max(0, Denominator.GetBitLength() - 64);
            return (double)(Numerator >> above) / (double)(Denominator >> below) * Math.Pow(2, above - below);
        }
    }

    /// <summary>An integer.</summary>
    public static Number Of(BigInteger value) => new(value, 1);

    /// <summary>The quotient of two integers; null where the divisor is zero.</summary>
    public static Number? Of(BigInteger numerator, BigInteger denominator) =>
        denominator.IsZero ? null : new Number(numerator, denominator);

    /// <summary>The number with the other sign.</summary>
    public static Number operator -(Number a) => new(-a.Numerator, a.Denominator) { IsPercent = a.IsPercent };

    /// <summary>The sum.</summary>
    public static Number operator +(Number a, Number b) =>
        new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);

    /// <summary>The product.</summary>
    public static Number operator *(Number a, Number b) => new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    /// <summary>The quotient; null where the divisor is zero.</summary>
    public Number? Over(Number divisor) => Of(Numerator * divisor.Denominator, Denominator * divisor.Numerator);

    /// <summary>The number to an integral power; null for zero to a negative one.</summary>
    public Number? Power(int exponent) => exponent >= 0
        ? new Number(BigInteger.Pow(Numerator, exponent), BigInteger.Pow(Denominator, exponent))
        : Of(BigInteger.Pow(Denominator, -exponent), BigInteger.Pow(Numerator, -exponent));

    /// <summary>
    /// |this − other| ≤ tolerance: with tolerance 0 the same value, however it was written (0.50 is 1/2). A per cent sign is a unit like
    /// any other, 50% is 50; against a number without one it may also mean a hundredth, 50% is .5.
    /// </summary>
    public bool Equals(Number other, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Near(this, other, tolerance)) return true;
        return IsPercent != other.IsPercent
            && (IsPercent ? Near(Hundredth(this), other, tolerance) : Near(this, Hundredth(other), tolerance));
    }

    private static Number Hundredth(Number a) => new(a.Numerator, a.Denominator * 100);

    private static bool Near(Number a, Number b, double tolerance)
    {
        Number difference = a + -b;
        if (difference.Numerator.IsZero) return true;
        return tolerance > 0 && BigInteger.Abs(difference.Numerator) * Denominators(tolerance, out BigInteger allowed) <= allowed
            * difference.Denominator;
    }

    // The tolerance as people write it, .01 and not the double next to it, as allowed / returned.
    private static BigInteger Denominators(double tolerance, out BigInteger allowed)
    {
        Number written = NumberText.Last(tolerance.ToString("R", System.Globalization.CultureInfo.InvariantCulture))!;
        allowed = written.Numerator;
        return written.Denominator;
    }
}
