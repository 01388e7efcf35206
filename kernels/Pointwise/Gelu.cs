using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>
/// GELU in its approximation by tanh (D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016), written from the exponential
/// alone, since the tanh of some devices is rough: ½ (1 + tanh u) = σ(2u), so y = x σ(v) with v = 2 √(2/π) (x + 0.044715 x³), and
/// y′ = σ + x σ (1 − σ) v′, v′ = 2 √(2/π) (1 + 3 · 0.044715 x²).
/// </summary>
public readonly struct Gelu : IUnaryOp
{
    private const float Slope = 1.5957691216f, Cubic = 0.044715f; // 2 √(2/π)

    // Beyond the first, σ is 0 or 1 to the last bit, and no cube overflows; beyond the second, y′ is 0 or 1 but for 1e-27, and e^−v is
    // finite.
    private const float Most = 16f, Steep = 9f;

    /// <inheritdoc/>
    public static float Forward(float x) => x / (1f + MathF.Exp(-Argument(Bounded(x, Most))));

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => x * VectorMath.Sigmoid(Argument(Bounded(x, Most)));

    /// <inheritdoc/>
    public static float Derivative(float x, float y)
    {
        // 1 − σ = e^−v σ, without the rounding of a difference.
        float b = Bounded(x, Steep), e = MathF.Exp(-Argument(b)), s = 1f / (1f + e);
        return s + b * s * (e * s) * (Slope + 3f * Cubic * Slope * b * b);
    }

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y)
    {
        Vector<float> b = Bounded(x, Steep), e = VectorMath.Exp(-Argument(b)), s = Vector<float>.One / (Vector<float>.One + e);
        return s + b * s * (e * s) * (Vector.Create(Slope) + Vector.Create(3f * Cubic * Slope) * b * b);
    }

    // NaN stays NaN: both comparisons fail.
    private static float Bounded(float x, float most) => x > most ? most : x < -most ? -most : x;

    private static Vector<float> Bounded(Vector<float> x, float most)
    {
        Vector<float> limit = Vector.Create(most);
        x = Vector.ConditionalSelect(Vector.GreaterThan(x, limit), limit, x);
        return Vector.ConditionalSelect(Vector.LessThan(x, -limit), -limit, x);
    }

    private static float Argument(float x) => Slope * (x + Cubic * x * x * x);

    private static Vector<float> Argument(Vector<float> x) => Vector.Create(Slope) * (x + Vector.Create(Cubic) * x * x * x);
}

/// <summary>y = gelu(a) b, the gated unit of GeGLU (N. Shazeer, "GLU Variants Improve Transformer", 2020): a is the gate, b the up
/// projection.</summary>
public readonly struct GeluMultiply : IBinaryOp
{
    /// <inheritdoc/>
    public static float Forward(float a, float b) => Gelu.Forward(a) * b;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => Gelu.Forward(a) * b;

    /// <inheritdoc/>
    public static float DerivativeA(float a, float b) => Gelu.Derivative(a, 0f) * b;

    /// <inheritdoc/>
    public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b) => Gelu.Derivative(a, Vector<float>.Zero) * b;

    /// <inheritdoc/>
    public static float DerivativeB(float a, float b) => Gelu.Forward(a);

    /// <inheritdoc/>
    public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => Gelu.Forward(a);
}
