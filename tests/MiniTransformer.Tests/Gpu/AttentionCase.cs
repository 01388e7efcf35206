using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

/// <summary>Operands of one attention, and the kernels of one form: "tiled" for GPUs, "serial" for devices that compute on a CPU.</summary>
internal sealed class AttentionCase(string form, int[] lengths, int H, int Hkv, int D, int window = 0)
{
    private readonly float scale = 1 / MathF.Sqrt(D);
    private readonly int[] starts = [0, .. lengths.Select((_, b) => lengths[..(b + 1)].Sum())];

    public float[] Q { get; } = Operand.Normal(lengths.Sum() * H * D, seed: 1);

    public float[] K { get; } = Operand.Normal(lengths.Sum() * Hkv * D, seed: 2);

    public float[] V { get; } = Operand.Normal(lengths.Sum() * Hkv * D, seed: 3);

    private int N => starts[^1];

    private AttentionShape Shape =>
        new(N, lengths.Length, H, Hkv, D, scale, quads: D % 4 == 0 ? 1 : 0, window: window == 0 ? int.MaxValue : window);

    public double[] Y() => AttentionReference.Forward(Q.Doubles(), K.Doubles(), V.Doubles(), starts, H, Hkv, D, scale, window);

    public double[] LogSum() => AttentionReference.LogSum(Q.Doubles(), K.Doubles(), starts, H, Hkv, D, scale, window);

    public (double[] Dq, double[] Dk, double[] Dv) Gradients(float[] dy) =>
        AttentionReference.Backward(Q.Doubles(), K.Doubles(), V.Doubles(), dy.Doubles(), starts, H, Hkv, D, scale, window);

    public (float[] Y, float[] LogSum) Forward(Accelerator accelerator)
    {
        using Memory<float> q = new(accelerator, Q), k = new(accelerator, K), v = new(accelerator, V);
        using Memory<int> begins = new(accelerator, starts);
        using Memory<float> y = new(accelerator, Uninitialised(Q.Length)), logSum = new(accelerator, Uninitialised(N * H));
        if (form == "tiled") accelerator.Kernel(a => new AttentionForward(a)).Run(q, k, v, y, logSum, begins, Shape);
        else accelerator.Kernel(a => new AttentionForwardSerial(a)).Run(q, k, v, y, logSum, begins, Shape);
        accelerator.Synchronize();
        return (y.ToArray(), logSum.ToArray());
    }

    public (float[] Dq, float[] Dk, float[] Dv) Backward(Accelerator accelerator, float[] dy, float[] dqBefore, float[] dkBefore,
        float[] dvBefore)
    {
        (float[] yValues, float[] logSums) = Forward(accelerator);
        using Memory<float> q = new(accelerator, Q), k = new(accelerator, K), v = new(accelerator, V), y = new(accelerator, yValues);
        using Memory<int> begins = new(accelerator, starts);
        using Memory<float> logSum = new(accelerator, logSums), dys = new(accelerator, dy);
        using Memory<float> scratch = new(accelerator, Uninitialised(AttentionBackward.ScratchLength(N, H)));
        using Memory<float> dq = new(accelerator, dqBefore), dk = new(accelerator, dkBefore), dv = new(accelerator, dvBefore);
        if (form == "tiled")
        {
            accelerator.Kernel(a => new AttentionBackward(a)).Run(q, k, v, y, logSum, dys, scratch, dq, dk, dv, begins, Shape);
        }
        else accelerator.Kernel(a => new AttentionBackwardSerial(a)).Run(q, k, v, y, logSum, dys, scratch, dq, dk, dv, begins, Shape);
        accelerator.Synchronize();
        return (dq.ToArray(), dk.ToArray(), dv.ToArray());
    }

    private static float[] Uninitialised(int n) => [.. Enumerable.Repeat(float.NaN, n)];
}
