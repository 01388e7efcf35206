using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = a / b.</summary>
public readonly struct Divide : IBinaryOp
{
    /// <inheritdoc/>
    public static float Forward(float a, float b) => a / b;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => a / b;

    /// <inheritdoc/>
    public static float DerivativeA(float a, float b) => 1f / b;

    /// <inheritdoc/>
    public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b) => Vector<float>.One / b;

    /// <inheritdoc/>
    public static float DerivativeB(float a, float b) => -a / (b * b);

    /// <inheritdoc/>
    public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => -a / (b * b);
}
