using System.Numerics;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = f(aᵢ, bᵢ). Items are elements; y may be a or b.</summary>
public readonly unsafe struct Zip<TOp>(float* a, float* b, float* y) : IKernel
    where TOp : struct, IBinaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* pa = a, pb = b, py = y;
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Store(TOp.Forward(Vector.Load(pa + i), Vector.Load(pb + i)), py + i);
        }

        if (i < end)
        {
            int count = end - i;
            PartialVector.Store(TOp.Forward(PartialVector.Load(pa + i, count), PartialVector.Load(pb + i, count)), py + i, count);
        }
    }
}

/// <summary>daᵢ += dyᵢ ∂f/∂a, dbᵢ += dyᵢ ∂f/∂b. Items are elements; da or db may be null where no gradient is needed.</summary>
public readonly unsafe struct ZipBackward<TOp>(float* a, float* b, float* dy, float* da, float* db) : IKernel
    where TOp : struct, IBinaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* pa = a, pb = b, pdy = dy, pda = da, pdb = db;
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> va = Vector.Load(pa + i), vb = Vector.Load(pb + i), vdy = Vector.Load(pdy + i);
            if (pda != null) Vector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeA(va, vb), Vector.Load(pda + i)), pda + i);
            if (pdb != null) Vector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeB(va, vb), Vector.Load(pdb + i)), pdb + i);
        }

        if (i < end)
        {
            int count = end - i;
            Vector<float> va = PartialVector.Load(pa + i, count), vb = PartialVector.Load(pb + i, count);
            Vector<float> vdy = PartialVector.Load(pdy + i, count);
            if (pda != null)
            {
                Vector<float> sum = Vector.FusedMultiplyAdd(vdy, TOp.DerivativeA(va, vb), PartialVector.Load(pda + i, count));
                PartialVector.Store(sum, pda + i, count);
            }

            if (pdb != null)
            {
                Vector<float> sum = Vector.FusedMultiplyAdd(vdy, TOp.DerivativeB(va, vb), PartialVector.Load(pdb + i, count));
                PartialVector.Store(sum, pdb + i, count);
            }
        }
    }
}
