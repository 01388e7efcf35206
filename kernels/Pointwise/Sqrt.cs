using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = √x, y′ = 1 / 2y.</summary>
public readonly struct Sqrt : IUnaryOp
{
    /// <inheritdoc/>
    public static float Forward(float x) => MathF.Sqrt(x);

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> x) => Vector.SquareRoot(x);

    /// <inheritdoc/>
    public static float Derivative(float x, float y) => 0.5f / y;

    /// <inheritdoc/>
    public static Vector<float> Derivative(Vector<float> x, Vector<float> y) => Vector.Create(0.5f) / y;
}
