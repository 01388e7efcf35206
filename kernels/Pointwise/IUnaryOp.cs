using System.Numerics;

namespace MiniTransformer.Kernels.Pointwise;

/// <summary>
/// A function y = f(x) of one number, applied element by element. The scalar form is what GPU kernels are specialised from, and uses
/// only functions that ILGPU compiles; the vector form is what the CPU runs, tails included. The two agree to a few units in the
/// last place.
/// </summary>
public interface IUnaryOp
{
    /// <summary>y = f(x).</summary>
    static abstract float Forward(float x);

    /// <summary>y = f(x), lane by lane.</summary>
    static abstract Vector<float> Forward(Vector<float> x);

    /// <summary>f′(x), where y = f(x) is at hand.</summary>
    static abstract float Derivative(float x, float y);

    /// <summary>f′(x) lane by lane, where y = f(x) is at hand.</summary>
    static abstract Vector<float> Derivative(Vector<float> x, Vector<float> y);
}
