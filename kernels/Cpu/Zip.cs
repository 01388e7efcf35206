using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = f(aᵢ, bᵢ). Items are elements; y may be a or b.</summary>
internal readonly unsafe struct Zip<TOp>(float* a, float* b, float* y) : IKernel
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

        if (i < end) Tail(pa + i, pb + i, py + i, end - i);
    }

    // Apart, so that no constant of the loop lives across a call: the compiler would keep it on the stack and load it every time.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* a, float* b, float* y, int count) =>
        PartialVector.Store(TOp.Forward(PartialVector.Load(a, count), PartialVector.Load(b, count)), y, count);
}

/// <summary>daᵢ += dyᵢ ∂f/∂a, dbᵢ += dyᵢ ∂f/∂b. Items are elements; da or db may be null where no gradient is needed.</summary>
internal readonly unsafe struct ZipBackward<TOp>(float* a, float* b, float* dy, float* da, float* db) : IKernel
    where TOp : struct, IBinaryOp
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* pa = a, pb = b, pdy = dy, pda = da, pdb = db;
        int i = start;
        if (pda != null && pdb != null)
        {
            // Both at once: what the two derivatives have in common is computed once.
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> va = Vector.Load(pa + i), vb = Vector.Load(pb + i), vdy = Vector.Load(pdy + i);
                Vector<float> slopeA = TOp.DerivativeA(va, vb), slopeB = TOp.DerivativeB(va, vb);
                Vector.Store(Vector.FusedMultiplyAdd(vdy, slopeA, Vector.Load(pda + i)), pda + i);
                Vector.Store(Vector.FusedMultiplyAdd(vdy, slopeB, Vector.Load(pdb + i)), pdb + i);
            }
        }

        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> va = Vector.Load(pa + i), vb = Vector.Load(pb + i), vdy = Vector.Load(pdy + i);
            if (pda != null) Vector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeA(va, vb), Vector.Load(pda + i)), pda + i);
            if (pdb != null) Vector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeB(va, vb), Vector.Load(pdb + i)), pdb + i);
        }

        if (i < end) Tail(pa + i, pb + i, pdy + i, pda == null ? null : pda + i, pdb == null ? null : pdb + i, end - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* a, float* b, float* dy, float* da, float* db, int count)
    {
        Vector<float> va = PartialVector.Load(a, count), vb = PartialVector.Load(b, count), vdy = PartialVector.Load(dy, count);
        if (da != null)
        {
            PartialVector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeA(va, vb), PartialVector.Load(da, count)), da, count);
        }

        if (db != null)
        {
            PartialVector.Store(Vector.FusedMultiplyAdd(vdy, TOp.DerivativeB(va, vb), PartialVector.Load(db, count)), db, count);
        }
    }
}
