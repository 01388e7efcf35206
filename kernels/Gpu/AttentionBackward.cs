using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Backward of <see cref="AttentionForward"/>, in three kernels that each own what they write:
/// δᵢ = ⟨dyᵢ, yᵢ⟩;  dqᵢ += Σⱼ dsᵢⱼ kⱼ by tiles of queries;  dkⱼ += Σᵢ dsᵢⱼ qᵢ and dvⱼ += Σᵢ pᵢⱼ dyᵢ by tiles of keys. The scores are
/// computed again from q, k and logSum: pᵢⱼ = e^(scale ⟨qᵢ, kⱼ⟩ − logSumᵢ), dsᵢⱼ = scale · pᵢⱼ (⟨dyᵢ, vⱼ⟩ − δᵢ).
/// </summary>
internal sealed class AttentionBackward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, AttentionShape, int> delta =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, AttentionShape, int>(DeltaKernel);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, AttentionShape> queries =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, AttentionShape>(AttentionBackwardQueries.Kernel);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, AttentionShape> keys =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, ArrayView<float>, AttentionShape>(AttentionBackwardKeys.Kernel);

    /// <summary>Elements of scratch memory: δ (B, H, T).</summary>
    public static int ScratchLength(int B, int T, int H) => checked(B * H * T);

    /// <summary>δ[b, h, t] = ⟨dy, y⟩ of row (b, t, h). An item a row.</summary>
    public static void DeltaKernel(ArrayView<float> y, ArrayView<float> dy, ArrayView<float> delta, AttentionShape s, int rows)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        int h = r % s.H, t = r / s.H % s.T, b = r / s.H / s.T;
        float sum = 0f;
        for (int d = 0; d < s.D; d += 4)
        {
            Float4 a = AttentionTile.Load(y, (long)r * s.D, d, true, s), c = AttentionTile.Load(dy, (long)r * s.D, d, true, s);
            sum += (a.X * c.X + a.Y * c.Y) + (a.Z * c.Z + a.W * c.W);
        }

        delta[((long)b * s.H + h) * s.T + t] = sum;
    }

    /// <summary>Starts the three for B sequences.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> dy,
        ArrayView<float> scratch, ArrayView<float> dq, ArrayView<float> dk, ArrayView<float> dv, int B, AttentionShape s)
    {
        long tiles = AttentionTile.Count(s.T) * AttentionTile.Count(s.D);
        delta(Launch.Items((long)B * s.T * s.H), y, dy, scratch, s, B * s.T * s.H);
        queries(Launch.Groups(B * s.H * tiles, AttentionTile.Items), q, k, v, logSum, dy, scratch, dq, s);
        keys(Launch.Groups(B * s.Hkv * tiles, AttentionTile.Items), q, k, v, logSum, dy, scratch, dk, dv, s);
    }
}
