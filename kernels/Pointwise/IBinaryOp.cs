using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>
/// A function y = f(a, b) of two numbers, applied element by element; scalar and vector forms as in <see cref="IUnaryOp"/>.
/// </summary>
public interface IBinaryOp
{
    /// <summary>y = f(a, b).</summary>
    static abstract float Forward(float a, float b);

    /// <summary>y = f(a, b), lane by lane.</summary>
    static abstract Vector<float> Forward(Vector<float> a, Vector<float> b);

    /// <summary>∂f/∂a.</summary>
    static abstract float DerivativeA(float a, float b);

    /// <summary>∂f/∂a, lane by lane.</summary>
    static abstract Vector<float> DerivativeA(Vector<float> a, Vector<float> b);

    /// <summary>∂f/∂b.</summary>
    static abstract float DerivativeB(float a, float b);

    /// <summary>∂f/∂b, lane by lane.</summary>
    static abstract Vector<float> DerivativeB(Vector<float> a, Vector<float> b);
}
