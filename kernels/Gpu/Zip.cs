using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>yᵢ = f(aᵢ, bᵢ), from the same operator as on the CPU. A work item an element.</summary>
internal sealed class Zip<TOp>(Accelerator accelerator)
    where TOp : unmanaged, IBinaryOp
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < a.IntLength) y[i] = TOp.Forward(a[i], b[i]);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y) => kernel(Launch.Items(a.Length), a, b, y);
}

/// <summary>daᵢ += dyᵢ ∂f/∂a, dbᵢ += dyᵢ ∂f/∂b, or one of them alone.</summary>
/// <remarks>da and db may be the same storage, as for x · x: one work item adds both.</remarks>
internal sealed class ZipBackward<TOp>(Accelerator accelerator)
    where TOp : unmanaged, IBinaryOp
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int,
        int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int,
            int>(Kernel);

    /// <summary>The kernel; wantA and wantB are 1 for a gradient that is wanted and 0 for one that is not.</summary>
    public static void Kernel(ArrayView<float> a, ArrayView<float> b, ArrayView<float> dy, ArrayView<float> da, ArrayView<float> db,
        int wantA, int wantB)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= a.IntLength) return;
        if (wantA != 0) da[i] += dy[i] * TOp.DerivativeA(a[i], b[i]);
        if (wantB != 0) db[i] += dy[i] * TOp.DerivativeB(a[i], b[i]);
    }

    /// <summary>Starts it; a gradient that is not wanted is null.</summary>
    public void Run(ArrayView<float> a, ArrayView<float> b, ArrayView<float> dy, ArrayView<float>? da, ArrayView<float>? db) =>
        kernel(Launch.Items(a.Length), a, b, dy, da ?? dy, db ?? dy, da is null ? 0 : 1, db is null ? 0 : 1);
}
