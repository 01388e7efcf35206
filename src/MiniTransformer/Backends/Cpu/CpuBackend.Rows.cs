using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>Functions of rows of logits.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void GatherLogSoftmax(Storage logits, Storage ids, Storage logProb, Storage logZ, int rows, int v) =>
        workers.Run(new GatherLogSoftmaxForward(P(logits), I(ids), P(logProb), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void GatherLogSoftmaxBackward(Storage logits, Storage logZ, Storage ids, Storage dlogProb, Storage dlogits, int rows, int v) =>
        workers.Run(new GatherLogSoftmaxBackward(P(logits), P(logZ), I(ids), P(dlogProb), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void LogSumExp(Storage logits, Storage logZ, int rows, int v) =>
        workers.Run(new LogSumExpForward(P(logits), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void LogSumExpBackward(Storage logits, Storage logZ, Storage dlogZ, Storage dlogits, int rows, int v) =>
        workers.Run(new LogSumExpBackward(P(logits), P(logZ), P(dlogZ), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Gather(Storage x, Storage ids, Storage y, int rows, int v) =>
        workers.Run(new GatherForward(P(x), I(ids), P(y), v), rows, PointwiseGrain);

    /// <inheritdoc/>
    public void GatherBackward(Storage ids, Storage dy, Storage dx, int rows, int v) =>
        workers.Run(new GatherBackward(I(ids), P(dy), P(dx), v), rows, PointwiseGrain);

    /// <inheritdoc/>
    public void KlDivergence(Storage logits, Storage reference, Storage kl, Storage logZ, Storage referenceLogZ, int rows, int v) =>
        workers.Run(new KlDivergenceForward(P(logits), P(reference), P(kl), P(logZ), P(referenceLogZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void KlDivergenceBackward(Storage logits, Storage logZ, Storage reference, Storage referenceLogZ, Storage kl, Storage dkl,
        Storage dlogits, int rows, int v) =>
        workers.Run(
            new KlDivergenceBackward(P(logits), P(logZ), P(reference), P(referenceLogZ), P(kl), P(dkl), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Entropy(Storage logits, Storage entropy, Storage logZ, int rows, int v) =>
        workers.Run(new EntropyForward(P(logits), P(entropy), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void EntropyBackward(Storage logits, Storage logZ, Storage entropy, Storage dentropy, Storage dlogits, int rows, int v) =>
        workers.Run(new EntropyBackward(P(logits), P(logZ), P(entropy), P(dentropy), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Sample(Storage logits, Storage uniforms, Storage ids, Storage logProb, int rows, int v, float temperature, int topK,
        float topP) =>
        workers.Run(new Sample(P(logits), P(uniforms), I(ids), P(logProb), v, temperature, topK, topP), rows, RowGrain(v));
}
