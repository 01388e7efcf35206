using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// logZ = ln Σⱼ e^logitsⱼ, per row of V. A −∞ logit is a forbidden token and contributes 0; a row with only −∞ logits gives −∞.
/// Items are rows.
/// </summary>
internal readonly unsafe struct LogSumExpForward(float* logits, float* logZ, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++) logZ[r] = Row.LogSumExp(logits + (long)r * V, V);
    }
}

/// <summary>dlogitsⱼ += dlogZ πⱼ with π = e^(logits − logZ), per row of V. Items are rows.</summary>
internal readonly unsafe struct LogSumExpBackward(float* logits, float* logZ, float* dlogZ, float* dlogits, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++) AddSoftmax(logits + (long)r * V, logZ[r], dlogZ[r], dlogits + (long)r * V, V);
    }

    /// <summary>dⱼ += α e^(xⱼ − logZ). Nothing where α = 0, as for tokens outside the loss.</summary>
    internal static void AddSoftmax(float* x, float logZ, float alpha, float* d, int n)
    {
        if (alpha == 0f) return;
        int W = Vector<float>.Count, i = 0;
        Vector<float> shift = Vector.Create(Row.Finite(logZ)), scale = Vector.Create(alpha);
        for (; i <= n - W; i += W)
        {
            Vector<float> p = VectorMath.Exp(Vector.Load(x + i) - shift);
            Vector.Store(Vector.FusedMultiplyAdd(scale, p, Vector.Load(d + i)), d + i);
        }

        if (i < n) Tail(x + i, shift, scale, d + i, n - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* x, Vector<float> shift, Vector<float> scale, float* d, int count)
    {
        Vector<float> p = VectorMath.Exp(PartialVector.Load(x, count) - shift);
        PartialVector.Store(Vector.FusedMultiplyAdd(scale, p, PartialVector.Load(d, count)), d, count);
    }
}
