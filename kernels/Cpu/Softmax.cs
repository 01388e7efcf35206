using System.Numerics;
using System.Runtime.CompilerServices;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// yⱼ = e^(xⱼ − m) / Σₖ e^(xₖ − m) with m = max x, per row of C. A −∞ element becomes 0, and so do all of a row of −∞ alone.
/// Items are rows.
/// </summary>
internal readonly unsafe struct SoftmaxForward(float* x, float* y, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, py = y + (long)r * C;
            Exponentials(px, Row.Finite(Row.Max(px, C)), py, C);
            float sum = Row.Sum(py, C);
            new Scale(py, sum == 0f ? 0f : 1f / sum, py).Run(0, C);
        }
    }

    private static void Exponentials(float* x, float shift, float* y, int n)
    {
        int W = Vector<float>.Count, i = 0;
        Vector<float> m = Vector.Create(shift);
        for (; i <= n - W; i += W) Vector.Store(VectorMath.Exp(Vector.Load(x + i) - m), y + i);
        if (i < n) Tail(x + i, m, y + i, n - i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tail(float* x, Vector<float> shift, float* y, int count) =>
        PartialVector.Store(VectorMath.Exp(PartialVector.Load(x, count) - shift), y, count);
}

/// <summary>dxⱼ += yⱼ (dyⱼ − ⟨y, dy⟩), per row of C. Items are rows.</summary>
internal readonly unsafe struct SoftmaxBackward(float* y, float* dy, float* dx, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            float* py = y + (long)r * C, pdy = dy + (long)r * C, pdx = dx + (long)r * C;
            float mean = Row.Dot(py, pdy, C);
            Vector<float> means = Vector.Create(mean);
            int i = 0;
            for (; i <= C - W; i += W)
                Vector.Store(Vector.FusedMultiplyAdd(Vector.Load(py + i), Vector.Load(pdy + i) - means, Vector.Load(pdx + i)), pdx + i);
            for (; i < C; i++) pdx[i] = MathF.FusedMultiplyAdd(py[i], pdy[i] - mean, pdx[i]);
        }
    }
}
