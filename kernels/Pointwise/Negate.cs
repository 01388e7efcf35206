using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = −x.</summary>
public readonly struct Negate : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => -x;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => -x;

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => -1f;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => -Vector<float>.One;
}
