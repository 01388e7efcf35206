using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>yᵢ = α xᵢ; y may be x.</summary>
internal sealed class Scale(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, float, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, float, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, float alpha, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] = alpha * x[i];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, float alpha, ArrayView<float> y) => kernel(Launch.Items(x.Length), x, alpha, y);
}

/// <summary>yᵢ += α xᵢ.</summary>
internal sealed class AddScaled(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, float, ArrayView<float>> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, float, ArrayView<float>>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, float alpha, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] += alpha * x[i];
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, float alpha, ArrayView<float> y) => kernel(Launch.Items(x.Length), x, alpha, y);
}

/// <summary>xᵢ = value.</summary>
internal sealed class Fill(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, float> kernel = accelerator.LoadStreamKernel<ArrayView<float>, float>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, float value)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) x[i] = value;
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, float value) => kernel(Launch.Items(x.Length), x, value);
}
