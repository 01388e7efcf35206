using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// H(π) = −Σⱼ πⱼ ln πⱼ in nats per row of V, with π = softmax(logits); saves logZ. Tokens with πⱼ = 0 contribute 0, and a row with
/// only −∞ logits has entropy 0. Items are rows.
/// </summary>
internal readonly unsafe struct EntropyForward(float* logits, float* entropy, float* logZ, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            float* x = logits + (long)r * V;
            logZ[r] = Row.LogSumExp(x, V);
            Vector<float> z = Vector.Create(Row.Finite(logZ[r])), zero = Vector<float>.Zero, s0 = zero, s1 = zero;
            int i = 0;
            for (; i <= V - 2 * W; i += 2 * W)
            {
                s0 -= KlDivergenceForward.Term(Vector.Load(x + i) - z, zero, zero);
                s1 -= KlDivergenceForward.Term(Vector.Load(x + i + W) - z, zero, zero);
            }

            for (; i < V; i += W) s0 -= KlDivergenceForward.TermTail(x + i, z, null, zero, zero, Math.Min(W, V - i));

            entropy[r] = Vector.Sum(s0 + s1);
        }
    }
}

/// <summary>dlogitsⱼ −= dentropy πⱼ (ln πⱼ + H), per row of V; rows with dentropy = 0 are left alone. Items are rows.</summary>
internal readonly unsafe struct EntropyBackward(
    float* logits, float* logZ, float* entropy, float* dentropy, float* dlogits, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            if (dentropy[r] == 0f) continue;
            float* x = logits + (long)r * V, d = dlogits + (long)r * V;
            Vector<float> z = Vector.Create(Row.Finite(logZ[r])), mean = Vector.Create(-entropy[r]);
            Vector<float> scale = Vector.Create(-dentropy[r]), zero = Vector<float>.Zero;
            int i = 0;
            for (; i <= V - W; i += W)
            {
                Vector<float> term = KlDivergenceForward.Term(Vector.Load(x + i) - z, zero, mean);
                Vector.Store(Vector.FusedMultiplyAdd(scale, term, Vector.Load(d + i)), d + i);
            }

            if (i < V)
            {
                Vector<float> term = KlDivergenceForward.TermTail(x + i, z, null, zero, mean, V - i);
                PartialVector.Store(Vector.FusedMultiplyAdd(scale, term, PartialVector.Load(d + i, V - i)), d + i, V - i);
            }
        }
    }
}
