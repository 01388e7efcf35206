using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// The kernel for tensor cores with the instruction emulated: that each lane loads, multiplies and stores the elements it should. That the
/// instruction itself is written rightly is for a GPU to show. (On ILGPU's CPU accelerator: for OpenCL, ILGPU 1.5.3 writes the length of
/// dynamic shared memory wrongly.)
/// </summary>
public sealed class GemmTensorCoresTests
{
    [Theory]
    [InlineData(1f, 1f)]
    [InlineData(-0f, -0f)]
    [InlineData(1.00048828125f, 1.0009765625f)] // 1 + 2⁻¹¹, half way: away from zero
    [InlineData(-1.00048828125f, -1.0009765625f)]
    [InlineData(1.00048816f, 1f)] // one float less
    [InlineData(0.1f, 0.099975586f)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    public void Factors_are_rounded_to_eleven_significant_bits(float x, float expected) => Assert.Equal(expected, GemmTensorCores.Round(x));

    [Theory]
    [InlineData(GemmForm.NN)]
    [InlineData(GemmForm.NT)]
    [InlineData(GemmForm.TN)]
    public void Products_equal_the_sum_of_rounded_factors(GemmForm form) =>
        Accelerators.On(Accelerators.Threads, accelerator => Check(accelerator, form, [(132, 128, 16), (39, 131, 13), (2, 3, 260)]));

    private static void Check(Accelerator accelerator, GemmForm form, (int M, int N, int K)[] sizes)
    {
        var kernel = form switch
        {
            GemmForm.NN => Load<DepthAdjacent, LinesAdjacent>(accelerator),
            GemmForm.NT => Load<DepthAdjacent, DepthAdjacent>(accelerator),
            _ => Load<LinesAdjacent, LinesAdjacent>(accelerator),
        };
        foreach ((int m, int n, int k) in sizes)
        {
            bool aligned = m % 4 == 0 && n % 4 == 0 && k % 4 == 0;
            GemmSample s = new(form, accumulate: m % 2 == 0, m, n, k, seed: m + n + k);
            using MemoryBuffer1D<float, Stride1D.Dense> a = accelerator.Allocate1D(s.A), b = accelerator.Allocate1D(s.B),
                c = accelerator.Allocate1D(s.C0);
            kernel(
                accelerator.DefaultStream, GemmTensorCores.Launch<EmulatedTensorCores>(new Index3D((n + 127) / 128, (m + 127) / 128, 1)),
                a.View, b.View, c.View,
                GemmShape.Of(form, m, n, k, s.Accumulate), GemmDepth.Blocks(k), aligned ? 1 : 0);
            accelerator.DefaultStream.Synchronize();

            float[] product = c.GetAsArray1D();
            const double epsilon = 1.0 / (1 << 23);
            (double[] ofRounded, double[] magnitude) = NaiveGemm.Multiply(form, Rounded(s.A), Rounded(s.B), s.Accumulate ? s.C0 : null, m,
                n, k);
            for (int i = 0; i < product.Length; i++)
                Assert.True(Math.Abs(product[i] - ofRounded[i]) <= (k + 1) * epsilon * magnitude[i],
                    $"{form} {m} x {n} x {k}: C[{i / n},{i % n}] = {product[i]}, the sum of rounded factors is {ofRounded[i]}.");
        }
    }

    private static float[] Rounded(float[] values) => [.. values.Select(GemmTensorCores.Round)];

    private static Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int,
        int> Load<TA, TB>(Accelerator accelerator)
        where TA : struct, IGemmTileSource
        where TB : struct, IGemmTileSource =>
        accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int,
            int>(GemmTensorCores.Multiply<TA, TB, MiniTransformer.Kernels.Gpu.Float32, EmulatedTensorCores>);
}
