using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Σ aᵢ bᵢ (or Σ aᵢ) in two passes: each group sums a part into <see cref="Compensated"/> partial sums, then one group sums those. The
/// parts depend on the length alone, so the bits do too. Products are rounded to a float before they are added.
/// </summary>
internal sealed class Dot(Accelerator accelerator)
{
    private const int MostGroups = 64;
    private const int GroupSize = Launch.GroupSize;

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, ArrayView<float>> parts =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, ArrayView<float>>(Parts);

    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int> total =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(Total);

    /// <summary>Elements of scratch memory that <see cref="Run"/> needs.</summary>
    public const int ScratchLength = 2 * MostGroups;

    /// <summary>First pass: the partial sum of each group, as a pair of floats.</summary>
    public static void Parts(ArrayView<float> a, ArrayView<float> b, int withB, ArrayView<float> partials)
    {
        var sum = new Compensated(0f, 0f);
        for (int i = Grid.GlobalIndex.X; i < a.IntLength; i += Grid.DimX * Group.DimX) sum = sum.Plus(withB != 0 ? a[i] * b[i] : a[i]);
        sum = GroupSum.Of(sum);
        if (Group.IdxX == 0)
        {
            partials[2 * Grid.IdxX] = sum.High;
            partials[2 * Grid.IdxX + 1] = sum.Low;
        }
    }

    /// <summary>Second pass: their sum, rounded to one float, or as a pair if y has two elements.</summary>
    public static void Total(ArrayView<float> partials, ArrayView<float> y, int groups)
    {
        int i = Group.IdxX;
        var sum = new Compensated(0f, 0f);
        if (i < groups) sum = new Compensated(partials[2 * i], partials[2 * i + 1]);
        sum = GroupSum.Of(sum);
        if (i != 0) return;
        if (y.IntLength == 1)
        {
            y[0] = sum.High + sum.Low;
        }
        else
        {
            y[0] = sum.High;
            y[1] = sum.Low;
        }
    }

    /// <summary>y = Σ aᵢ bᵢ, or Σ aᵢ where b is null.</summary>
    public void Run(ArrayView<float> a, ArrayView<float>? b, ArrayView<float> scratch, ArrayView<float> y)
    {
        int groups = (int)Math.Clamp((a.Length + 4 * GroupSize - 1) / (4 * GroupSize), 1, MostGroups);
        parts(Launch.Groups(groups, GroupSize), a, b ?? a, b is null ? 0 : 1, scratch);
        total(Launch.Groups(1, MostGroups), scratch, y, groups);
    }
}

/// <summary>dxᵢ += dy₀ α wᵢ, or dy₀ α where w is null; dy stays on the device.</summary>
internal sealed class DotBackward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, float, ArrayView<float>, int, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, float, ArrayView<float>, int, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> dy, float alpha, ArrayView<float> w, int withW, ArrayView<float> dx)
    {
        int i = Grid.GlobalIndex.X;
        if (i < dx.IntLength) dx[i] += dy[0] * alpha * (withW != 0 ? w[i] : 1f);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> dy, float alpha, ArrayView<float>? w, ArrayView<float> dx) =>
        kernel(Launch.Items(dx.Length), dy, alpha, w ?? dy, w is null ? 0 : 1, dx);
}
