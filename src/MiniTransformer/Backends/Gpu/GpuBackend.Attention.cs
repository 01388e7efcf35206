using ILGPU;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Attention over a batch, and over a key/value cache.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, Sequences sequences, int h, int hkv, int d,
        float scale, int window)
    {
        if (y.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        AttentionShape shape = Shape(sequences, h, hkv, d, scale, window, q, k, v, y);
        if (machine.Device.IsGpu)
        {
            Kernel(static a => new AttentionForward(a)).Run(F(q), F(k), F(v), F(y), F(logSum), I(sequences.Starts), shape);
        }
        else Kernel(static a => new AttentionForwardSerial(a)).Run(F(q), F(k), F(v), F(y), F(logSum), I(sequences.Starts), shape);
    }

    /// <inheritdoc/>
    public void AttentionBackward(
        Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, Sequences sequences,
        int h, int hkv, int d, float scale,
        int window)
    {
        if (y.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        AttentionShape shape = Shape(sequences, h, hkv, d, scale, window, q, k, v, y, dy, dq, dk, dv);
        ArrayView<float> delta = machine.Scratch(Kernels.Gpu.AttentionBackward.ScratchLength(sequences.Rows, h));
        ArrayView<int> begins = I(sequences.Starts);
        if (machine.Device.IsGpu)
            Kernel(static a => new Kernels.Gpu.AttentionBackward(a))
                .Run(F(q), F(k), F(v), F(y), F(logSum), F(dy), delta, F(dq), F(dk), F(dv), begins, shape);
        else
            Kernel(static a => new AttentionBackwardSerial(a))
                .Run(F(q), F(k), F(v), F(y), F(logSum), F(dy), delta, F(dq), F(dk), F(dv), begins, shape);
    }

    /// <inheritdoc/>
    public long CacheLength(int slots, int hkv, int d, int context) => checked((long)slots * hkv * d * context);

    /// <inheritdoc/>
    public void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv,
        int d, int context)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new CacheAppend(a)).Run(
            F(k), F(v), I(slots), I(positions), F(cacheK), F(cacheV),
            new CacheSize(rows, hkv, hkv, d, context, Scale: 1f, Window: int.MaxValue));
    }

    /// <inheritdoc/>
    public void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h,
        int hkv, int d, int context, float scale, int window)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        var size = new CacheSize(rows, h, hkv, d, context, scale, Window(window));
        if (machine.Device.IsGpu)
        {
            Kernel(static a => new AttentionDecode(a)).Run(F(q), F(cacheK), F(cacheV), I(slots), I(positions), F(y), size);
        }
        else Kernel(static a => new AttentionDecodeSerial(a)).Run(F(q), F(cacheK), F(cacheV), I(slots), I(positions), F(y), size);
    }

    // Four elements are one load where all rows start at a multiple of 16 bytes.
    private static AttentionShape Shape(Sequences sequences, int h, int hkv, int d, float scale, int window,
        params ReadOnlySpan<Storage> operands)
    {
        bool quads = d % 4 == 0;
        foreach (Storage operand in operands) quads &= operand.Offset % 4 == 0;
        return new AttentionShape(sequences.Rows, sequences.Count, h, hkv, d, scale, quads ? 1 : 0, Window(window));
    }

    // A window that no context fills is none.
    private static int Window(int window) => window == 0 ? int.MaxValue : window;
}
