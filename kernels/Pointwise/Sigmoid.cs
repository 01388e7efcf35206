using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = σ(x) = 1/(1 + e⁻ˣ), y′ = y(1 − y).</summary>
public readonly struct Sigmoid : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => 1f / (1f + MathF.Exp(-x));

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => VectorMath.Sigmoid(x);

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => y * (1f - y);

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => y * (Vector<float>.One - y);
}
