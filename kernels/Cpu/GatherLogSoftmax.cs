namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// logProb = logits[id] − logZ with logZ = ln Σⱼ e^logitsⱼ (saved), per row of V: the log-probability of one token without those of
/// the others. A −∞ logit is a forbidden token: it contributes 0 to logZ, and its own log-probability is −∞ (also in a row with only
/// −∞ logits, where logZ = −∞). Items are rows.
/// </summary>
internal readonly unsafe struct GatherLogSoftmaxForward(float* logits, int* ids, float* logProb, float* logZ, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++)
        {
            float* row = logits + (long)r * V;
            logZ[r] = Row.LogSumExp(row, V);
            logProb[r] = row[ids[r]] - Row.Finite(logZ[r]);
        }
    }
}

/// <summary>
/// dlogitsⱼ += dlogProb ([j = id] − πⱼ) with π = e^(logits − logZ), per row of V; rows with dlogProb = 0 are left alone.
/// Items are rows.
/// </summary>
internal readonly unsafe struct GatherLogSoftmaxBackward(
    float* logits, float* logZ, int* ids, float* dlogProb, float* dlogits, int V) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int r = start; r < end; r++)
        {
            float* drow = dlogits + (long)r * V;
            LogSumExpBackward.AddSoftmax(logits + (long)r * V, logZ[r], -dlogProb[r], drow, V);
            drow[ids[r]] += dlogProb[r];
        }
    }
}
