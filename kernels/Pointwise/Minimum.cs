using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>y = min(a, b). At a tie the derivative goes to a.</summary>
public readonly struct Minimum : IBinaryOp
{
    /// <inheritdoc/>
    public static float Forward(float a, float b) => MathF.Min(a, b);

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => Vector.Min(a, b);

    /// <inheritdoc/>
    public static float DerivativeA(float a, float b) => a <= b ? 1f : 0f;

    /// <inheritdoc/>
    public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b) => Vector.ConditionalSelect(Vector.LessThanOrEqual(a, b), Vector<float>.One, Vector<float>.Zero);

    /// <inheritdoc/>
    public static float DerivativeB(float a, float b) => a <= b ? 0f : 1f;

    /// <inheritdoc/>
    public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => Vector.ConditionalSelect(Vector.LessThanOrEqual(a, b), Vector<float>.Zero, Vector<float>.One);
}
