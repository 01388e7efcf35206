using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = 1 + x, y′ = 1.</summary>
public readonly struct PlusOne : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => 1f + x;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => Vector<float>.One + x;

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => 1f;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One;
}
