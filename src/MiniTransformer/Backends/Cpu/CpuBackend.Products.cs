using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>Matrix products.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void MatMul(GemmForm form, Storage a, Storage b, Storage c, int m, int n, int k, bool accumulate)
    {
        if (b.Buffer is CpuMatrix matrix) matrix.Packed.Multiply(workers, form, P(a), P(c), m, accumulate);
        else Gemm.Multiply(workers, form, P(a), P(b), P(c), m, n, k, accumulate);
    }

    /// <inheritdoc/>
    public void MatMulBatch(GemmForm form, Storage a, Storage b, Storage c, int batch, int m, int n, int k, bool accumulate)
    {
        // Threads share the products where they are small, and each product where they are not.
        if ((long)m * n * k < Gemm.MultiplyAddsWorthSplitting)
        {
            workers.Run(new GemmBatch(form, P(a), P(b), P(c), m, n, k, accumulate), batch, RowGrain(checked(m * n * k) / 16));
            return;
        }

        for (long i = 0; i < batch; i++)
        {
            Gemm.Multiply(workers, form, P(a) + i * m * k, P(b) + i * k * n, P(c) + i * m * n, m, n, k, accumulate);
        }
    }

    /// <inheritdoc/>
    public bool PacksWeights => true;

    /// <inheritdoc/>
    public void LinearPacked(Storage x, Storage w, Storage y, int m, int n, int k, PackedWeight cache, int version)
    {
        CpuMatrix? matrix = w.Buffer as CpuMatrix ?? (CpuMatrix?)cache.Layout;
        if (matrix is null) cache.Layout = matrix = new CpuMatrix(n, k, ElementType.F32);
        if (matrix == cache.Layout && cache.Version != version)
        {
            matrix.Packed.Write(workers, 0, P(w), n);
            cache.Version = version;
        }

        matrix.Packed.Multiply(workers, GemmForm.NT, P(x), P(y), m, accumulate: false);
    }
}
