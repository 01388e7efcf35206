using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = x σ(x), y′ = σ(x) + y (1 − σ(x)), with σ(x) = 1/(1 + e⁻ˣ).</summary>
public readonly struct Silu : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => x / (1f + MathF.Exp(-x));

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => x * VectorMath.Sigmoid(x);

    /// <inheritdoc/>
    public static float Derivative(float x, float y)
    {
        float s = 1f / (1f + MathF.Exp(-x));
        return s + y * (1f - s);
    }

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y)
    {
        Vector<float> s = VectorMath.Sigmoid(x);
        return s + y * (Vector<float>.One - s);
    }
}
