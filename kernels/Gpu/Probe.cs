using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// The self-test's kernel: ln Σⱼ e^xⱼ + √(Σⱼ xⱼ²) a row, by one group. It uses what most kernels rely on: shared memory, barriers, loops
/// with a rest, exponential, logarithm and root.
/// </summary>
internal sealed class Probe(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> x, ArrayView<float> y, int columns)
    {
        int r = Grid.IdxX;
        float exponentials = 0f, squares = 0f;
        for (int j = Group.IdxX; j < columns; j += Group.DimX)
        {
            float xj = x[r * columns + j];
            exponentials += XMath.Exp(xj);
            squares += xj * xj;
        }

        exponentials = GroupSum.Of(exponentials);
        squares = GroupSum.Of(squares);
        if (Group.IdxX == 0) y[r] = XMath.Log(exponentials) + XMath.Sqrt(squares);
    }

    /// <summary>The same in double, on the host.</summary>
    public static float Expected(ReadOnlySpan<float> row)
    {
        double exponentials = 0, squares = 0;
        foreach (float x in row)
        {
            exponentials += Math.Exp(x);
            squares += (double)x * x;
        }

        return (float)(Math.Log(exponentials) + Math.Sqrt(squares));
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> x, ArrayView<float> y, int rows, int columns) =>
        kernel(Launch.Groups(rows, Launch.GroupSize), x, y, columns);
}
