using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>Attention over a batch, and over a key/value cache.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, Sequences sequences, int h, int hkv, int d,
        float scale, int window)
    {
        plan.CutForward(sequences.Host, h, d, window);
        workers.Run(
            new AttentionForward(P(q), P(k), P(v), P(y), P(logSum), I(sequences.Starts), plan.Pieces, plan.Longest, sequences.Rows, h, hkv,
                d, scale, window), plan.Count * hkv);
    }

    /// <inheritdoc/>
    public void AttentionBackward(
        Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, Sequences sequences,
        int h, int hkv, int d, float scale,
        int window)
    {
        plan.CutBackward(sequences.Host, h, d, window);
        workers.Run(
            new AttentionBackward(
                P(q), P(k), P(v), P(y), P(logSum), P(dy), P(dq), P(dk), P(dv), I(sequences.Starts), plan.Pieces, plan.Longest,
                sequences.Rows, h, hkv, d, scale, window),
            plan.Count * hkv);
    }

    /// <inheritdoc/>
    public long CacheLength(int slots, int hkv, int d, int context) => checked((long)slots * hkv * d * context);

    /// <inheritdoc/>
    public void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv,
        int d, int context) =>
        workers.Run(new CacheAppend(P(k), P(v), I(slots), I(positions), P(cacheK), P(cacheV), hkv, d, context), rows, RowGrain(hkv * d));

    /// <inheritdoc/>
    public void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h,
        int hkv, int d, int context, float scale, int window) =>
        workers.Run(
            new AttentionDecode(P(q), P(cacheK), P(cacheV), I(slots), I(positions), P(y), h, hkv, d, context, scale, window), rows * h,
            RowGrain(d * 32));
}
