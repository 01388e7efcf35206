using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = ln(eᵃ + eᵇ) = m + ln(1 + e^(n − m)), m the larger and n the smaller of the two; −∞ where both are.</summary>
public readonly struct LogAddExp : IBinaryOp
{
    /// <inheritdoc/>
    public static float Forward(float a, float b)
    {
        float larger = a > b ? a : b, smaller = a > b ? b : a;
        return float.IsNegativeInfinity(smaller) ? larger : larger + Log.Forward(1f + Exp.Forward(smaller - larger));
    }

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b)
    {
        Vector<float> larger = Vector.Max(a, b), smaller = Vector.Min(a, b);
        Vector<float> y = larger + VectorMath.Log(Vector<float>.One + VectorMath.Exp(smaller - larger));
        return Vector.ConditionalSelect(Vector.Equals(smaller, Vector.Create(float.NegativeInfinity)), larger, y);
    }

    /// <inheritdoc/>
    public static float DerivativeA(float a, float b) => Sigmoid.Forward(a - b);

    /// <inheritdoc/>
    public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b) => VectorMath.Sigmoid(a - b);

    /// <inheritdoc/>
    public static float DerivativeB(float a, float b) => Sigmoid.Forward(b - a);

    /// <inheritdoc/>
    public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => VectorMath.Sigmoid(b - a);
}
