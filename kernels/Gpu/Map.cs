using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>yᵢ = f(xᵢ), from the same operator as on the CPU. A work item an element.</summary>
internal sealed class Map<TOp>(Accelerator accelerator)
    where TOp : unmanaged, IUnaryOp
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] = TOp.Forward(x[i]);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> y) => kernel(Launch.Items(x.Length), x, y);
}

/// <summary>dxᵢ += dyᵢ f′(xᵢ).</summary>
internal sealed class MapBackward<TOp>(Accelerator accelerator)
    where TOp : unmanaged, IUnaryOp
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) dx[i] += dy[i] * TOp.Derivative(x[i], y[i]);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx) =>
        kernel(Launch.Items(x.Length), x, y, dy, dx);
}
