using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Functions of rows of logits.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void GatherLogSoftmax(Storage logits, Storage ids, Storage logProb, Storage logZ, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new GatherLogSoftmaxForward(a)).Run(F(logits), I(ids), F(logProb), F(logZ), rows, v);
    }

    /// <inheritdoc/>
    public void GatherLogSoftmaxBackward(Storage logits, Storage logZ, Storage ids, Storage dlogProb, Storage dlogits, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.GatherLogSoftmaxBackward(a)).Run(F(logits), F(logZ), I(ids), F(dlogProb), F(dlogits), rows, v);
    }

    /// <inheritdoc/>
    public void LogSumExp(Storage logits, Storage logZ, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new LogSumExpForward(a)).Run(F(logits), F(logZ), rows, v);
    }

    /// <inheritdoc/>
    public void LogSumExpBackward(Storage logits, Storage logZ, Storage dlogZ, Storage dlogits, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.LogSumExpBackward(a)).Run(F(logits), F(logZ), F(dlogZ), F(dlogits), rows, v);
    }

    /// <inheritdoc/>
    public void Gather(Storage x, Storage ids, Storage y, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new GatherForward(a)).Run(F(x), I(ids), F(y), rows, v);
    }

    /// <inheritdoc/>
    public void GatherBackward(Storage ids, Storage dy, Storage dx, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.GatherBackward(a)).Run(I(ids), F(dy), F(dx), rows, v);
    }

    /// <inheritdoc/>
    public void KlDivergence(Storage logits, Storage reference, Storage kl, Storage logZ, Storage referenceLogZ, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new KlDivergenceForward(a)).Run(F(logits), F(reference), F(kl), F(logZ), F(referenceLogZ), rows, v);
    }

    /// <inheritdoc/>
    public void KlDivergenceBackward(Storage logits, Storage logZ, Storage reference, Storage referenceLogZ, Storage kl, Storage dkl,
        Storage dlogits, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.KlDivergenceBackward(a))
            .Run(F(logits), F(logZ), F(reference), F(referenceLogZ), F(kl), F(dkl), F(dlogits), rows, v);
    }

    /// <inheritdoc/>
    public void Entropy(Storage logits, Storage entropy, Storage logZ, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new EntropyForward(a)).Run(F(logits), F(entropy), F(logZ), rows, v);
    }

    /// <inheritdoc/>
    public void EntropyBackward(Storage logits, Storage logZ, Storage entropy, Storage dentropy, Storage dlogits, int rows, int v)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.EntropyBackward(a)).Run(F(logits), F(logZ), F(entropy), F(dentropy), F(dlogits), rows, v);
    }

    /// <inheritdoc/>
    public void Sample(Storage logits, Storage uniforms, Storage ids, Storage logProb, int rows, int v, float temperature, int topK,
        float topP)
    {
        if (rows == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Kernels.Gpu.Sample(a))
            .Run(F(logits), F(uniforms), I(ids), F(logProb), new SampleOptions(rows, v, temperature, topK, topP));
    }
}
