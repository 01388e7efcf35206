namespace MiniTransformer.Kernels.Cpu;

/// <summary>y[r] = table[ids[r]]: selects rows of C elements. Items are rows of y.</summary>
internal readonly unsafe struct EmbeddingForward(float* table, int* ids, float* y, int C) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        if (C == 1)
        {
            for (int r = start; r < end; r++) y[r] = table[ids[r]];
            return;
        }

        for (int r = start; r < end; r++)
        {
            new ReadOnlySpan<float>(table + (long)ids[r] * C, C).CopyTo(new Span<float>(y + (long)r * C, C));
        }
    }
}

/// <summary>
/// dtable[ids[r]] += dy[r] for every row r, in the order of r. Items are blocks of <see cref="BlockSize"/> columns, so that rows
/// that share an id meet on one thread.
/// </summary>
internal readonly unsafe struct EmbeddingBackward(int* ids, int rows, float* dy, float* dtable, int C) : IKernel
{
    /// <summary>Columns in a block.</summary>
    public const int BlockSize = 64;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int from = start * BlockSize, to = (int)Math.Min(C, (long)end * BlockSize);
        for (int r = 0; r < rows; r++) new AddScaled(dy + (long)r * C, 1f, dtable + (long)ids[r] * C).Run(from, to);
    }
}
