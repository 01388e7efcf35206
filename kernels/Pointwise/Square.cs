using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = x², y′ = 2x.</summary>
public readonly struct Square : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => x * x;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => x * x;

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => x + x;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => x + x;
}
