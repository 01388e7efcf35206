using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// yⱼ = e^(xⱼ − m) / Σₖ e^(xₖ − m) with m = max x, per row of C. A −∞ element becomes 0, and so do all of a row of −∞ alone.
/// A group a row.
/// </summary>
internal sealed class SoftmaxForward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> y, int C)
    {
        long row = (long)Grid.IdxX * C;
        float max = OnlineSum.Least, sum = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) max = Lanes.Larger(max, x[row + i]);
        max = GroupSum.Max(max);
        for (int i = Group.IdxX; i < C; i += Group.DimX) sum += Lanes.Exp(x[row + i] - max);
        sum = GroupSum.Of(sum);
        float scale = sum == 0f ? 0f : 1f / sum;
        for (int i = Group.IdxX; i < C; i += Group.DimX) y[row + i] = scale * Lanes.Exp(x[row + i] - max);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> y, int rows, int c) => kernel(Launch.Rows(rows, c), x, y, c);
}

/// <summary>dxⱼ += yⱼ (dyⱼ − ⟨y, dy⟩), per row of C. A group a row.</summary>
internal sealed class SoftmaxBackward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx, int C)
    {
        long row = (long)Grid.IdxX * C;
        float mean = 0f;
        for (int i = Group.IdxX; i < C; i += Group.DimX) mean += y[row + i] * dy[row + i];
        mean = GroupSum.Of(mean);
        for (int i = Group.IdxX; i < C; i += Group.DimX) dx[row + i] += y[row + i] * (dy[row + i] - mean);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx, int rows, int c) =>
        kernel(Launch.Rows(rows, c), y, dy, dx, c);
}
