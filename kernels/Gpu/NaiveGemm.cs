using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>C = op(A)·op(B), (M, N), the plain way: a work item an element, cᵢⱼ = Σₖ aᵢₖ bₖⱼ, each operand read through its strides.</summary>
public sealed class NaiveGemm(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveGemmSize> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, NaiveGemmSize>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, NaiveGemmSize s)
    {
        int item = Grid.GlobalIndex.X;
        if (item >= s.M * s.N) return;
        int i = item / s.N, j = item % s.N;
        float sum = s.Accumulate != 0 ? c[item] : 0f;
        for (int k = 0; k < s.K; k++) sum += a[i * s.RowA + k * s.ColumnA] * b[k * s.RowB + j * s.ColumnB];
        c[item] = sum;
    }

    /// <summary>Starts it.</summary>
    public void Run(Cpu.GemmForm form, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int m, int n, int k, bool accumulate)
    {
        (int rowA, int columnA) = form == Cpu.GemmForm.TN ? (1, m) : (k, 1);
        (int rowB, int columnB) = form == Cpu.GemmForm.NT ? (1, k) : (n, 1);
        kernel(Launch.Items((long)m * n), a, b, c, new NaiveGemmSize(m, n, k, rowA, columnA, rowB, columnB, accumulate ? 1 : 0));
    }
}

/// <summary>Sizes and strides of a <see cref="NaiveGemm"/>: element (i, k) of A lies at i · RowA + k · ColumnA, (k, j) of B likewise.</summary>
public readonly record struct NaiveGemmSize(int M, int N, int K, int RowA, int ColumnA, int RowB, int ColumnB, int Accumulate);
