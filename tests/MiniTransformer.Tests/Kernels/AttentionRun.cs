using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Kernels;

/// <summary>The CPU's attention of sequences with given starts, cut as for a number of threads, and run on one.</summary>
internal sealed unsafe class AttentionRun(int[] starts, int H, int Hkv, int D, float scale, int window = 0, int threads = 1) : IDisposable
{
    private readonly Buffer<int> onDevice = new(starts);
    private readonly AttentionPlan plan = new(threads);

    /// <summary>Pieces of the last pass.</summary>
    public int Pieces => plan.Count;

    /// <summary>Starts of B sequences of T tokens.</summary>
    public static int[] Equal(int B, int T) => [.. Enumerable.Range(0, B + 1).Select(b => b * T)];

    /// <summary>The pass forward.</summary>
    public void Forward(float* q, float* k, float* v, float* y, float* logSum)
    {
        plan.CutForward(starts, H, D, window);
        new AttentionForward(q, k, v, y, logSum, onDevice, plan.Pieces, plan.Longest, starts[^1], H, Hkv, D, scale, window)
            .Run(0, plan.Count * Hkv);
    }

    /// <summary>The pass backward.</summary>
    public void Backward(float* q, float* k, float* v, float* y, float* logSum, float* dy, float* dq, float* dk, float* dv)
    {
        plan.CutBackward(starts, H, D, window);
        new AttentionBackward(q, k, v, y, logSum, dy, dq, dk, dv, onDevice, plan.Pieces, plan.Longest, starts[^1], H, Hkv, D, scale, window)
            .Run(0, plan.Count * Hkv);
    }

    public void Dispose()
    {
        onDevice.Dispose();
        plan.Dispose();
    }
}
