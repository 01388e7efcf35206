using ILGPU;
using MiniTransformer.Kernels.Gpu;
using GemmForm = MiniTransformer.Kernels.Cpu.GemmForm;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Matrix products.</summary>
internal sealed partial class GpuBackend
{
    /// <summary>Whether factors of products may be rounded to TF32, where tensor cores know it.</summary>
    public bool Tf32 { get; init; }

    /// <inheritdoc/>
    public void MatMul(GemmForm form, Storage a, Storage b, Storage c, int m, int n, int k, bool accumulate)
    {
        if (c.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Gemm gemm = Kernel(static accelerator => new Gemm(accelerator));
        gemm.Tf32 = Tf32;
        long needed = gemm.ScratchLength(form, m, n, k);
        ArrayView<float> scratch = needed > 0 ? machine.Scratch(needed) : default;
        ILGPU.Runtime.AcceleratorStream stream = machine.Accelerator.DefaultStream;
        switch (b.Type)
        {
            case ElementType.BF16: gemm.Multiply<BFloat16>(stream, form, F(a), Words(b), F(c), m, n, k, accumulate, scratch); break;
            case ElementType.F16: gemm.Multiply<Float16>(stream, form, F(a), Words(b), F(c), m, n, k, accumulate, scratch); break;
            default: gemm.Multiply(stream, form, F(a), F(b), F(c), m, n, k, accumulate, scratch); break;
        }
    }

    /// <inheritdoc/>
    public void MatMulBatch(GemmForm form, Storage a, Storage b, Storage c, int batch, int m, int n, int k, bool accumulate)
    {
        for (int i = 0; i < batch; i++)
            MatMul(form, a.Slice(i * m * k, m * k), b.Slice(i * k * n, k * n), c.Slice(i * m * n, m * n), m, n, k, accumulate);
    }

    /// <inheritdoc/>
    public void LinearPacked(Storage x, Storage w, Storage y, int m, int n, int k, PackedWeight cache, int version) =>
        MatMul(GemmForm.NT, x, w, y, m, n, k, accumulate: false);
}
