namespace MiniTransformer.Kernels.Cpu;

/// <summary>Products of a batch of small matrices, one after the other in memory, each on one thread. Items are products.</summary>
internal readonly unsafe struct GemmBatch(GemmForm form, float* a, float* b, float* c, int M, int N, int K, bool accumulate) : IKernel
{
    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        int lda = form == GemmForm.TN ? M : K, ldb = form == GemmForm.NT ? K : N;
        for (long i = start; i < end; i++)
            Gemm.MultiplyBlock(form, a + i * M * K, lda, b + i * K * N, ldb, c + i * M * N, N, M, N, K, accumulate);
    }
}
