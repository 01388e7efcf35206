using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>y = x, widened, from an element of x on. A work item an element.</summary>
internal sealed class Widen<TElement>(Accelerator accelerator)
    where TElement : struct, IElement
{
    private readonly Action<KernelConfig, ArrayView<float>, long, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, long, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, long first, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < y.IntLength) y[i] = TElement.Load(x, first + i);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, long first, ArrayView<float> y) => kernel(Launch.Items(y.Length), x, first, y);
}
