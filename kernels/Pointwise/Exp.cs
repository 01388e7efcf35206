using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = eˣ, y′ = y.</summary>
public readonly struct Exp : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => MathF.Exp(x);

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => VectorMath.Exp(x);

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => y;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => y;
}
