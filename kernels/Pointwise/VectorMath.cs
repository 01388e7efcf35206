using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>
/// Exponential and logarithm on whole vectors, within 2 units in the last place. A lane's result depends on that lane alone and is
/// the same for every vector width; the scalar overloads are bit-identical to the vector ones.
/// </summary>
public static class VectorMath
{
    /// <summary>
    /// eˣ. Results below 2.2e-38 are flushed to 0, so that no subnormal slows the loop; e^−∞ = 0; above 88.72 the result is +∞;
    /// NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        // eˣ = 2ⁿ eʳ with n = round(x / ln 2) and r = x − n ln 2, |r| ≤ ln 2 / 2. Adding 1.5·2²³ rounds to an integer and leaves n in the
        // low bits. The limits are where 2ⁿ⁻¹ becomes 0 (n = −126) and where 2·eʳ·2ⁿ⁻¹ overflows (n = 128).
        // The native maximum and minimum give their second operand when one is NaN.
        x = Vector.MinNative(Vector.Create(89f), Vector.MaxNative(Vector.Create(-87.3f), x));
        Vector<float> magic = Vector.Create(12582912f);
        Vector<float> shifted = Vector.FusedMultiplyAdd(x, Vector.Create(1.44269504f), magic);
        Vector<float> n = shifted - magic;
        Vector<float> r = Vector.FusedMultiplyAdd(n, Vector.Create(-0.693359375f), x);
        r = Vector.FusedMultiplyAdd(n, Vector.Create(2.12194440e-4f), r);

        // 2 eʳ = 2 (1 + r + r² p(r)); the coefficients of p are those of expf in Cephes (S. Moshier), doubled.
        Vector<float> p = Vector.Create(2f * 1.9875691500e-4f);
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f * 1.3981999507e-3f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f * 8.3334519073e-3f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f * 4.1665795894e-2f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f * 1.6666665459e-1f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f * 5.0000001201e-1f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f));
        p = Vector.FusedMultiplyAdd(p, r, Vector.Create(2f));

        // The bits of 2ⁿ⁻¹: exponent field n + 126.
        Vector<int> exponent = Vector.AsVectorInt32(shifted) + Vector.Create(126 - 0x4B400000);
        return p * Vector.AsVectorSingle(Vector.ShiftLeft(exponent, 23));
    }

    /// <summary>eˣ, bit-identical to a lane of <see cref="Exp(Vector{float})"/>.</summary>
    public static float Exp(float x) => Exp(Vector.Create(x))[0];

    /// <summary>ln x. ln 0 = −∞, ln ∞ = ∞, and NaN for negative numbers and NaN; subnormal numbers are treated exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Log(Vector<float> x)
    {
        // Subnormal numbers are scaled by 2²³ into the normal range first.
        Vector<int> small = Vector.LessThan(x, Vector.Create(1.17549435e-38f));
        Vector<float> normal = Vector.ConditionalSelect(small, x * Vector.Create(8388608f), x);

        // x = 2ᵉ m with √½ ≤ m < √2: subtracting the bits of √½ makes the exponent field change there.
        Vector<int> bits = Vector.AsVectorInt32(normal) - Vector.Create(0x3F3504F3);
        Vector<int> exponent = Vector.ShiftRightArithmetic(bits, 23);
        Vector<float> m = Vector.AsVectorSingle(Vector.AsVectorInt32(normal) - Vector.ShiftLeft(exponent, 23));
        Vector<float> e = Vector.ConvertToSingle(exponent - (small & Vector.Create(23)));

        // ln m = f − f²/2 + f³ p(f), f = m − 1; the coefficients of p are those of logf in Cephes (S. Moshier).
        // ln 2 is split in two, so that e times its first part is exact.
        Vector<float> f = m - Vector<float>.One;
        Vector<float> p = Vector.Create(7.0376836292e-2f);
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(-1.1514610310e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(1.1676998740e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(-1.2420140846e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(1.4249322787e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(-1.6668057665e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(2.0000714765e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(-2.4999993993e-1f));
        p = Vector.FusedMultiplyAdd(p, f, Vector.Create(3.3333331174e-1f));
        Vector<float> f2 = f * f;
        Vector<float> y = p * f * f2;
        y = Vector.FusedMultiplyAdd(e, Vector.Create(-2.12194440e-4f), y);
        y = Vector.FusedMultiplyAdd(f2, Vector.Create(-0.5f), y);
        y = Vector.FusedMultiplyAdd(e, Vector.Create(0.693359375f), f + y);

        Vector<float> infinity = Vector.Create(float.PositiveInfinity);
        y = Vector.ConditionalSelect(Vector.LessThan(x, infinity), y, x); // +∞ and NaN
        y = Vector.ConditionalSelect(Vector.Equals(x, Vector<float>.Zero), -infinity, y);
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector.Create(float.NaN), y);
    }

    /// <summary>ln x, bit-identical to a lane of <see cref="Log(Vector{float})"/>.</summary>
    public static float Log(float x) => Log(Vector.Create(x))[0];

    /// <summary>σ(x) = 1/(1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Exp(-x));
}
