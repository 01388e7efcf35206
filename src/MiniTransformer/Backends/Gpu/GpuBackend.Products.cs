using ILGPU;
using MiniTransformer.Kernels.Cpu;
using Gemm = MiniTransformer.Kernels.Gpu.Gemm;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Matrix products.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void MatMul(GemmForm form, Storage a, Storage b, Storage c, int m, int n, int k, bool accumulate)
    {
        if (c.Length == 0) return;
        using GpuMachine.Turn turn = machine.Enter();
        Gemm gemm = Kernel(static accelerator => new Gemm(accelerator));
        long needed = gemm.ScratchLength(form, m, n, k);
        ArrayView<float> scratch = needed > 0 ? machine.Scratch(needed) : default;
        gemm.Multiply(machine.Accelerator.DefaultStream, form, F(a), F(b), F(c), m, n, k, accumulate, scratch);
    }

    /// <inheritdoc/>
    public void LinearPacked(Storage x, Storage w, Storage y, int m, int n, int k, PackedWeight cache, int version) =>
        MatMul(GemmForm.NT, x, w, y, m, n, k, accumulate: false);
}
