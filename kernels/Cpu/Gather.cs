namespace MiniTransformer.Kernels.Cpu;

/// <summary>y[r] = x[r, ids[r]]: one element of each row of V. Items are rows.</summary>
internal readonly unsafe struct GatherForward(float* x, int* ids, float* y, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++) y[r] = x[(long)r * V + ids[r]];
    }
}

/// <summary>dx[r, ids[r]] += dy[r]. Items are rows.</summary>
internal readonly unsafe struct GatherBackward(int* ids, float* dy, float* dx, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++) dx[(long)r * V + ids[r]] += dy[r];
    }
}
