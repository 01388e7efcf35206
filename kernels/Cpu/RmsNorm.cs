using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// yᵢ = wᵢ xᵢ / ρ with ρ = √(mean(x²) + ε), per row of C (B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019);
/// saves 1/ρ per row in inverseRms. Items are rows.
/// </summary>
internal readonly unsafe struct RmsNormForward(float* x, float* w, float* y, float* inverseRms, int C, float eps) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        float* pw = w;
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, py = y + (long)r * C;
            float inverse = 1f / MathF.Sqrt(Row.Dot(px, px, C) / C + eps);
            inverseRms[r] = inverse;
            Vector<float> factor = Vector.Create(inverse);
            int i = 0;
            for (; i <= C - W; i += W) Vector.Store(Vector.Load(px + i) * factor * Vector.Load(pw + i), py + i);
            for (; i < C; i++) py[i] = px[i] * inverse * pw[i];
        }
    }
}

/// <summary>dxᵢ += (wᵢ dyᵢ − xᵢ ⟨w⊙dy, x⟩ / (C ρ²)) / ρ, per row of C. Items are rows.</summary>
internal readonly unsafe struct RmsNormBackwardInput(float* x, float* w, float* inverseRms, float* dy, float* dx, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        float* pw = w;
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, pdy = dy + (long)r * C, pdx = dx + (long)r * C;
            float inverse = inverseRms[r];
            float projection = Row.Dot(px, pw, pdy, C) * inverse * inverse / C;
            Vector<float> factor = Vector.Create(inverse), along = Vector.Create(-projection);
            int i = 0;
            for (; i <= C - W; i += W)
            {
                Vector<float> across = Vector.FusedMultiplyAdd(along, Vector.Load(px + i), Vector.Load(pw + i) * Vector.Load(pdy + i));
                Vector.Store(Vector.FusedMultiplyAdd(factor, across, Vector.Load(pdx + i)), pdx + i);
            }

            for (; i < C; i++)
            {
                float across = MathF.FusedMultiplyAdd(-projection, px[i], pw[i] * pdy[i]);
                pdx[i] = MathF.FusedMultiplyAdd(inverse, across, pdx[i]);
            }
        }
    }
}

/// <summary>dwᵢ += Σ_rows dyᵢ xᵢ / ρ, in the order of the rows. Items are blocks of <see cref="BlockSize"/> columns.</summary>
internal readonly unsafe struct RmsNormBackwardWeight(float* x, float* inverseRms, float* dy, float* dw, int rows, int C) : IKernel
{
    /// <summary>Columns in a block.</summary>
    public const int BlockSize = 64;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        int i = start * BlockSize, to = (int)Math.Min(C, (long)end * BlockSize);
        for (; i <= to - 4 * W; i += 4 * W) FourVectors(i);
        for (; i < to; i += W) PartialVector.Store(Column(i, Math.Min(W, to - i)), dw + i, Math.Min(W, to - i));
    }

    private void FourVectors(int i)
    {
        int W = Vector<float>.Count;
        float* px = x + i, pdy = dy + i;
        Vector<float> s0 = Vector.Load(dw + i), s1 = Vector.Load(dw + i + W);
        Vector<float> s2 = Vector.Load(dw + i + 2 * W), s3 = Vector.Load(dw + i + 3 * W);
        for (int r = 0; r < rows; r++, px += C, pdy += C)
        {
            Vector<float> factor = Vector.Create(inverseRms[r]);
            s0 = Vector.FusedMultiplyAdd(factor * Vector.Load(px), Vector.Load(pdy), s0);
            s1 = Vector.FusedMultiplyAdd(factor * Vector.Load(px + W), Vector.Load(pdy + W), s1);
            s2 = Vector.FusedMultiplyAdd(factor * Vector.Load(px + 2 * W), Vector.Load(pdy + 2 * W), s2);
            s3 = Vector.FusedMultiplyAdd(factor * Vector.Load(px + 3 * W), Vector.Load(pdy + 3 * W), s3);
        }

        Vector.Store(s0, dw + i);
        Vector.Store(s1, dw + i + W);
        Vector.Store(s2, dw + i + 2 * W);
        Vector.Store(s3, dw + i + 3 * W);
    }

    private Vector<float> Column(int i, int count)
    {
        Vector<float> sum = PartialVector.Load(dw + i, count);
        for (int r = 0; r < rows; r++)
        {
            long at = (long)r * C + i;
            Vector<float> normalised = Vector.Create(inverseRms[r]) * PartialVector.Load(x + at, count);
            sum = Vector.FusedMultiplyAdd(normalised, PartialVector.Load(dy + at, count), sum);
        }

        return sum;
    }
}
