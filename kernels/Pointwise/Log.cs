using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = ln x, y′ = 1/x.</summary>
public readonly struct Log : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => MathF.Log(x);

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => VectorMath.Log(x);

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => 1f / x;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector<float>.One / x;
}
