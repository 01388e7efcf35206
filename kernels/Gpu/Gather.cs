using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>y[r] = x[r, ids[r]]: one element of each row of V.</summary>
internal sealed class GatherForward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<int> ids, ArrayView<float> y, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r < rows) y[r] = x[(long)r * V + ids[r]];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<int> ids, ArrayView<float> y, int rows, int v) =>
        kernel(Launch.Items(rows), x, ids, y, rows, v);
}

/// <summary>dx[r, ids[r]] += dy[r]. A row has one token, so no two work items meet.</summary>
internal sealed class GatherBackward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<int> ids, ArrayView<float> dy, ArrayView<float> dx, int rows, int V)
    {
        int r = Grid.GlobalIndex.X;
        if (r < rows) dx[(long)r * V + ids[r]] += dy[r];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<int> ids, ArrayView<float> dy, ArrayView<float> dx, int rows, int v) =>
        kernel(Launch.Items(rows), ids, dy, dx, rows, v);
}
