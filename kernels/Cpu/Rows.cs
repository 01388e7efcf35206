using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>yᵢ = xᵢ + rowᵢ, per row of C; y may be x. Items are rows.</summary>
internal readonly unsafe struct AddRow(float* x, float* row, float* y, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        float* pr = row;
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, py = y + (long)r * C;
            int i = 0;
            for (; i <= C - W; i += W) Vector.Store(Vector.Load(px + i) + Vector.Load(pr + i), py + i);
            for (; i < C; i++) py[i] = px[i] + pr[i];
        }
    }
}

/// <summary>sumsᵢ += Σ_rows xᵢ, in the order of the rows. Items are blocks of <see cref="BlockSize"/> columns.</summary>
internal readonly unsafe struct SumRows(float* x, float* sums, int rows, int C) : IKernel
{
    /// <summary>Columns in a block.</summary>
    public const int BlockSize = 64;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count, to = (int)Math.Min(C, (long)end * BlockSize);
        for (int i = start * BlockSize; i < to; i += W)
        {
            int count = Math.Min(W, to - i);
            Vector<float> sum = PartialVector.Load(sums + i, count);
            if (count == W) for (int r = 0; r < rows; r++) sum += Vector.Load(x + (long)r * C + i);
            else for (int r = 0; r < rows; r++) sum += PartialVector.Load(x + (long)r * C + i, count);
            PartialVector.Store(sum, sums + i, count);
        }
    }
}

/// <summary>yᵢ = xᵢ − mean(x), or yᵢ += it, per row of C. Items are rows.</summary>
internal readonly unsafe struct Centre(float* x, float* y, int C, bool accumulate) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, py = y + (long)r * C;
            float mean = Row.Sum(px, C) / C;
            Vector<float> shift = Vector.Create(mean);
            int i = 0;
            for (; i <= C - W; i += W)
            {
                Vector<float> centred = Vector.Load(px + i) - shift;
                Vector.Store(accumulate ? Vector.Load(py + i) + centred : centred, py + i);
            }

            for (; i < C; i++) py[i] = accumulate ? py[i] + (px[i] - mean) : px[i] - mean;
        }
    }
}

/// <summary>yᵢ = xᵢ + columnᵣ in row r of C; y may be x. Items are rows.</summary>
internal readonly unsafe struct AddColumn(float* x, float* column, float* y, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int W = Vector<float>.Count;
        for (int r = start; r < end; r++)
        {
            float* px = x + (long)r * C, py = y + (long)r * C;
            float term = column[r];
            Vector<float> terms = Vector.Create(term);
            int i = 0;
            for (; i <= C - W; i += W) Vector.Store(Vector.Load(px + i) + terms, py + i);
            for (; i < C; i++) py[i] = px[i] + term;
        }
    }
}

/// <summary>sumsᵣ += Σᵢ xᵢ over row r of C. Items are rows.</summary>
internal readonly unsafe struct SumColumns(float* x, float* sums, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++) sums[r] += Row.Sum(x + (long)r * C, C);
    }
}
