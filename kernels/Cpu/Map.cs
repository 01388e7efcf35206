using System.Diagnostics;
using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = f(xᵢ). Items are elements; y may be x.</summary>
public readonly unsafe struct Map<TOp>(float* x, float* y, int n) : IKernel
    where TOp : struct, IUnaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        Debug.Assert(end <= n, "Map runs past its operands.");
        float* from = x, to = y;
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count) Vector.Store(TOp.Forward(Vector.Load(from + i)), to + i);
        if (i < end) PartialVector.Store(TOp.Forward(PartialVector.Load(from + i, end - i)), to + i, end - i);
    }
}

/// <summary>dxᵢ += dyᵢ f′(xᵢ). Items are elements.</summary>
public readonly unsafe struct MapBackward<TOp>(float* x, float* y, float* dy, float* dx) : IKernel
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

        if (i < end)
        {
            int count = end - i;
            Vector<float> slope = TOp.Derivative(PartialVector.Load(px + i, count), PartialVector.Load(py + i, count));
            Vector<float> sum = Vector.FusedMultiplyAdd(PartialVector.Load(pdy + i, count), slope, PartialVector.Load(pdx + i, count));
            PartialVector.Store(sum, pdx + i, count);
        }
    }
}
