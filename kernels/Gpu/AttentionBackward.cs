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

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
    ArrayView<float>,
        ArrayView<float>, ArrayView<int>, AttentionShape> queries =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>,
            ArrayView<float>, ArrayView<int>, AttentionShape>(AttentionBackwardQueries.Kernel);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
    ArrayView<float>,
        ArrayView<float>, ArrayView<float>, ArrayView<int>, AttentionShape> keys =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>,
            ArrayView<float>, ArrayView<float>, ArrayView<int>, AttentionShape>(AttentionBackwardKeys.Kernel);

    /// <summary>Elements of scratch memory: δ (H, N).</summary>
    public static int ScratchLength(int N, int H) => checked(N * H);

    /// <summary>δ[h, n] = ⟨dy, y⟩ of row (n, h). An item a row.</summary>
    public static void DeltaKernel(ArrayView<float> y, ArrayView<float> dy, ArrayView<float> delta, AttentionShape s, int rows)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        float sum = 0f;
        for (int d = 0; d < s.D; d += 4)
        {
            Float4 a = AttentionTile.Load(y, (long)r * s.D, d, true, s), c = AttentionTile.Load(dy, (long)r * s.D, d, true, s);
            sum += (a.X * c.X + a.Y * c.Y) + (a.Z * c.Z + a.W * c.W);
        }

        delta[(long)(r % s.H) * s.N + r / s.H] = sum;
    }

    /// <summary>Starts the three; starts has B + 1 numbers.</summary>
    public void Run(
        ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> y, ArrayView<float> logSum, ArrayView<float> dy,
        ArrayView<float> scratch, ArrayView<float> dq, ArrayView<float> dk, ArrayView<float> dv, ArrayView<int> starts, AttentionShape s)
    {
        long tiles = (long)s.Tiles(AttentionTile.Size) * AttentionTile.Count(s.D);
        delta(Launch.Items((long)s.N * s.H), y, dy, scratch, s, s.N * s.H);
        queries(Launch.Groups(s.H * tiles, AttentionTile.Items), q, k, v, logSum, dy, scratch, dq, starts, s);
        keys(Launch.Groups(s.Hkv * tiles, AttentionTile.Items), q, k, v, logSum, dy, scratch, dk, dv, starts, s);
    }
}
