using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Tests.Gpu;

/// <summary>All functions of rows of V logits, and their gradients, of one set of operands; each gradient is added to `before`.</summary>
internal sealed class RowCase
{
    public RowCase(Accelerator accelerator, bool alone, float[] x, float[] reference, int[] ids, float[] dy, float[] before, int V)
    {
        int rows = x.Length / V;
        float[] unset = [.. Enumerable.Repeat(float.NaN, rows)];
        using Memory<float> xs = new(accelerator, x), qs = new(accelerator, reference), dys = new(accelerator, dy);
        using var pids = new Memory<int>(accelerator, ids);
        using Memory<float> logZ = new(accelerator, unset), z = new(accelerator, unset), zq = new(accelerator, unset),
            entropyZ = new(accelerator, unset);
        using Memory<float> logProb = new(accelerator, unset), gathered = new(accelerator, unset), kl = new(accelerator, unset),
            entropy = new(accelerator, unset);
        using Memory<float> dLogProb = new(accelerator, before), dLogZ = new(accelerator, before), dKl = new(accelerator, before);
        using Memory<float> dEntropy = new(accelerator, before), dGathered = new(accelerator, before);

        accelerator.Kernel(alone, (a, form) => new GatherLogSoftmaxForward(a, form)).Run(xs, pids, logProb, logZ, rows, V);
        accelerator.Kernel(alone, (a, form) => new GatherLogSoftmaxBackward(a, form)).Run(xs, logZ, pids, dys, dLogProb, rows, V);
        accelerator.Kernel(alone, (a, form) => new LogSumExpForward(a, form)).Run(xs, logZ, rows, V);
        accelerator.Kernel(alone, (a, form) => new LogSumExpBackward(a, form)).Run(xs, logZ, dys, dLogZ, rows, V);
        accelerator.Kernel(alone, (a, form) => new KlDivergenceForward(a, form)).Run(xs, qs, kl, z, zq, rows, V);
        accelerator.Kernel(alone, (a, form) => new KlDivergenceBackward(a, form)).Run(xs, z, qs, zq, kl, dys, dKl, rows, V);
        accelerator.Kernel(alone, (a, form) => new EntropyForward(a, form)).Run(xs, entropy, entropyZ, rows, V);
        accelerator.Kernel(alone, (a, form) => new EntropyBackward(a, form)).Run(xs, entropyZ, entropy, dys, dEntropy, rows, V);
        accelerator.Kernel(a => new GatherForward(a)).Run(xs, pids, gathered, rows, V);
        accelerator.Kernel(a => new GatherBackward(a)).Run(pids, dys, dGathered, rows, V);
        accelerator.Synchronize();

        (LogZ, LogProb, Gathered, Kl, Entropy) = (logZ.ToArray(), logProb.ToArray(), gathered.ToArray(), kl.ToArray(), entropy.ToArray());
        (DLogProb, DLogZ, DKl, DEntropy, DGathered) = (dLogProb.ToArray(), dLogZ.ToArray(), dKl.ToArray(), dEntropy.ToArray(),
            dGathered.ToArray());
    }

    public float[] LogZ { get; }

    public float[] LogProb { get; }

    public float[] Gathered { get; }

    public float[] Kl { get; }

    public float[] Entropy { get; }

    public float[] DLogProb { get; }

    public float[] DLogZ { get; }

    public float[] DKl { get; }

    public float[] DEntropy { get; }

    public float[] DGathered { get; }
}
