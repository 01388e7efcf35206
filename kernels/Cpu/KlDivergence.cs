using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// KL(π‖π_ref) = Σⱼ πⱼ (ln πⱼ − ln π_refⱼ) per row of V, with π = softmax(logits), π_ref = softmax(referenceLogits); saves both log-sums.
/// Tokens with πⱼ = 0 contribute 0; a token that only the reference forbids makes the divergence +∞. Items are rows.
/// </summary>
internal readonly unsafe struct KlDivergenceForward(
    float* logits, float* referenceLogits, float* kl, float* logZ, float* referenceLogZ, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            float* x = logits + (long)r * V, q = referenceLogits + (long)r * V;
            logZ[r] = Row.LogSumExp(x, V);
            referenceLogZ[r] = Row.LogSumExp(q, V);
            Vector<float> z = Vector.Create(Row.Finite(logZ[r])), zq = Vector.Create(Row.Finite(referenceLogZ[r]));
            Vector<float> zero = Vector<float>.Zero, s0 = zero, s1 = zero;
            int i = 0;
            for (; i <= V - 2 * W; i += 2 * W)
            {
                s0 += Term(Vector.Load(x + i) - z, Vector.Load(q + i) - zq, zero);
                s1 += Term(Vector.Load(x + i + W) - z, Vector.Load(q + i + W) - zq, zero);
            }

            for (; i < V; i += W) s0 += TermTail(x + i, z, q + i, zq, zero, Math.Min(W, V - i));
            kl[r] = Vector.Sum(s0 + s1);
        }
    }

    /// <summary>p (ln p − ln q − offset), and 0 where p = 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector<float> Term(Vector<float> logP, Vector<float> logQ, Vector<float> offset)
    {
        Vector<float> p = VectorMath.Exp(logP);
        return Vector.ConditionalSelect(Vector.Equals(p, Vector<float>.Zero), Vector<float>.Zero, p * (logP - logQ - offset));
    }

    /// <summary>The same at the end of a row of logits x and q: past it p = 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Vector<float> TermTail(float* x, Vector<float> logZ, float* q, Vector<float> referenceLogZ, Vector<float> offset,
        int count)
    {
        Vector<float> logP = PartialVector.Load(x, count, Vector.Create(float.NegativeInfinity)) - logZ;
        return Term(logP, q == null ? Vector<float>.Zero : PartialVector.Load(q, count) - referenceLogZ, offset);
    }
}

/// <summary>
/// dlogitsⱼ += dkl πⱼ (ln πⱼ − ln π_refⱼ − KL), per row of V; the reference is a constant. Rows with dkl = 0 are left alone.
/// Items are rows.
/// </summary>
internal readonly unsafe struct KlDivergenceBackward(
    float* logits, float* logZ, float* referenceLogits, float* referenceLogZ, float* kl, float* dkl, float* dlogits, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            if (dkl[r] == 0f) continue;
            float* x = logits + (long)r * V, q = referenceLogits + (long)r * V, d = dlogits + (long)r * V;
            Vector<float> z = Vector.Create(Row.Finite(logZ[r])), zq = Vector.Create(Row.Finite(referenceLogZ[r]));
            Vector<float> mean = Vector.Create(kl[r]), scale = Vector.Create(dkl[r]);
            int i = 0;
            for (; i <= V - W; i += W)
            {
                Vector<float> term = KlDivergenceForward.Term(Vector.Load(x + i) - z, Vector.Load(q + i) - zq, mean);
                Vector.Store(Vector.FusedMultiplyAdd(scale, term, Vector.Load(d + i)), d + i);
            }

            if (i < V)
            {
                Vector<float> term = KlDivergenceForward.TermTail(x + i, z, q + i, zq, mean, V - i);
                PartialVector.Store(Vector.FusedMultiplyAdd(scale, term, PartialVector.Load(d + i, V - i)), d + i, V - i);
            }
        }
    }
}
