using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019) in one pass: with g = gradientScale · gradient,
/// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  p ← p − η (m/c₁ / (√(v/c₂) + ε) + λ p),
/// where c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ (correction1, correction2) at step t, η = learningRate, λ = decay. gradientScale holds the clipping
/// factor. The gradient is set to zero afterwards, ready to be accumulated into. Items are elements.
/// </summary>
internal readonly unsafe struct AdamW(
    float* parameter, float* gradient, float* m, float* v, float learningRate, float beta1, float beta2, float epsilon, float decay,
    float gradientScale, float correction1, float correction2) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count, i = start;
        float* p = parameter, g = gradient, pm = m, pv = v;
        for (; i <= end - W; i += W)
        {
            Vector<float> vm = Vector.Load(pm + i), vv = Vector.Load(pv + i);
            Vector.Store(Step(Vector.Load(p + i), Vector.Load(g + i), ref vm, ref vv), p + i);
            Vector.Store(vm, pm + i);
            Vector.Store(vv, pv + i);
            Vector.Store(Vector<float>.Zero, g + i);
        }

        if (i < end) Tail(p + i, g + i, pm + i, pv + i, end - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Tail(float* p, float* g, float* m, float* v, int count)
    {
        Vector<float> vm = PartialVector.Load(m, count), vv = PartialVector.Load(v, count);
        PartialVector.Store(Step(PartialVector.Load(p, count), PartialVector.Load(g, count), ref vm, ref vv), p, count);
        PartialVector.Store(vm, m, count);
        PartialVector.Store(vv, v, count);
        PartialVector.Store(Vector<float>.Zero, g, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector<float> Step(Vector<float> p, Vector<float> g, ref Vector<float> m, ref Vector<float> v)
    {
        // c₁ and c₂ are divided out beforehand: m/c₁ / (√(v/c₂) + ε) = m (1/c₁) / (√(v (1/c₂)) + ε).
        g *= Vector.Create(gradientScale);
        m = Vector.FusedMultiplyAdd(Vector.Create(beta1), m, Vector.Create(1f - beta1) * g);
        v = Vector.FusedMultiplyAdd(Vector.Create(beta2), v, Vector.Create(1f - beta2) * (g * g));
        Vector<float> scale = Vector.SquareRoot(v * Vector.Create(1f / correction2)) + Vector.Create(epsilon);
        Vector<float> update = Vector.FusedMultiplyAdd(Vector.Create(decay), p, m * Vector.Create(1f / correction1) / scale);
        return Vector.FusedMultiplyAdd(Vector.Create(-learningRate), update, p);
    }
}
