using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = f(xᵢ). Items are elements; y may be x.</summary>
internal readonly unsafe struct Map<TOp>(float* x, float* y, int n) : IKernel
    where TOp : struct, IUnaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        Debug.Assert(end <= n, "Map runs past its operands.");
        float* from = x, to = y;
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count) Vector.Store(TOp.Forward(Vector.Load(from + i)), to + i);
        if (i < end) Tail(from + i, to + i, end - i);
    }

    // Apart, so that no constant of the loop lives across a call: the compiler would keep it on the stack and load it every time.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* x, float* y, int count) => PartialVector.Store(TOp.Forward(PartialVector.Load(x, count)), y, count);
}

/// <summary>dxᵢ += dyᵢ f′(xᵢ). Items are elements.</summary>
internal readonly unsafe struct MapBackward<TOp>(float* x, float* y, float* dy, float* dx) : IKernel
    where TOp : struct, IUnaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* px = x, py = y, pdy = dy, pdx = dx;
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> slope = TOp.Derivative(Vector.Load(px + i), Vector.Load(py + i));
            Vector.Store(Vector.FusedMultiplyAdd(Vector.Load(pdy + i), slope, Vector.Load(pdx + i)), pdx + i);
        }

        if (i < end) Tail(px + i, py + i, pdy + i, pdx + i, end - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* x, float* y, float* dy, float* dx, int count)
    {
        Vector<float> slope = TOp.Derivative(PartialVector.Load(x, count), PartialVector.Load(y, count));
        PartialVector.Store(Vector.FusedMultiplyAdd(PartialVector.Load(dy, count), slope, PartialVector.Load(dx, count)), dx, count);
    }
}
