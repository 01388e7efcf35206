using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = α xᵢ. Items are elements; y may be x.</summary>
internal readonly unsafe struct Scale(float* x, float alpha, float* y) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* px = x, py = y;
        Vector<float> factor = Vector.Create(alpha);
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count) Vector.Store(factor * Vector.Load(px + i), py + i);
        for (; i < end; i++) py[i] = alpha * px[i];
    }
}

/// <summary>yᵢ += α xᵢ. Items are elements.</summary>
internal readonly unsafe struct AddScaled(float* x, float alpha, float* y) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        float* px = x, py = y;
        Vector<float> factor = Vector.Create(alpha);
        int i = start;
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Store(Vector.FusedMultiplyAdd(factor, Vector.Load(px + i), Vector.Load(py + i)), py + i);
        }

        for (; i < end; i++) py[i] = MathF.FusedMultiplyAdd(alpha, px[i], py[i]);
    }
}

/// <summary>xᵢ = value. Items are elements.</summary>
internal readonly unsafe struct Fill(float* x, float value) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end) => new Span<float>(x + start, end - start).Fill(value);
}
