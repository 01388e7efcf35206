using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>
/// y = a σ(a) b, the gated unit of SwiGLU (N. Shazeer, "GLU Variants Improve Transformer", 2020): a is the gate, b the up projection.
/// </summary>
public readonly struct SiluMultiply : IBinaryOp
{
    /// <inheritdoc/>
    public static float Forward(float a, float b) => Silu.Forward(a) * b;

    /// <inheritdoc/>
    public static Vector<float> Forward(Vector<float> a, Vector<float> b) => Silu.Forward(a) * b;

    /// <inheritdoc/>
    public static float DerivativeA(float a, float b) => Silu.Derivative(a, Silu.Forward(a)) * b;

    /// <inheritdoc/>
    public static Vector<float> DerivativeA(Vector<float> a, Vector<float> b)
    {
        // With s = σ(a): silu′(a) = s + a s (1 − s); one exponential serves both.
        Vector<float> s = VectorMath.Sigmoid(a);
        return (s + a * s * (Vector<float>.One - s)) * b;
    }

    /// <inheritdoc/>
    public static float DerivativeB(float a, float b) => Silu.Forward(a);

    /// <inheritdoc/>
    public static Vector<float> DerivativeB(Vector<float> a, Vector<float> b) => Silu.Forward(a);
}
