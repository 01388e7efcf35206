using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Attention over a batch, and over a key/value cache.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, int b, int t, int h, int hkv, int d, float scale)
    {
        if (y.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new NaiveAttention(a)).Run(F(q), F(k), F(v), F(y), F(logSum), new NaiveAttentionSize(b, t, h, hkv, d, scale));
    }

    /// <inheritdoc/>
    public void AttentionBackward(Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, int b, int t, int h, int hkv, int d, float scale)
    {
        if (y.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        var inputs = new NaiveAttentionInputs(F(q), F(k), F(v), F(y), F(logSum), F(dy));
        Kernel(static a => new NaiveAttention(a)).RunBackward(inputs, F(dq), F(dk), F(dv), new NaiveAttentionSize(b, t, h, hkv, d, scale));
    }

    /// <inheritdoc/>
    public int CacheLength(int slots, int hkv, int d, int context) => checked(slots * hkv * d * context);

    /// <inheritdoc/>
    public void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv, int d, int context)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new CacheAppend(a)).Run(
            F(k), F(v), I(slots), I(positions), F(cacheK), F(cacheV), new CacheSize(rows, hkv, hkv, d, context, Scale: 1f));
    }

    /// <inheritdoc/>
    public void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h, int hkv, int d, int context, float scale)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new NaiveDecode(a)).Run(
            F(q), F(cacheK), F(cacheV), I(slots), I(positions), F(y), new CacheSize(rows, h, hkv, d, context, scale));
    }
}
