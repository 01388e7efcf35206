using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends;

/// <summary>
/// A backend that computes nothing and holds nothing: running a step on it hands out the same storages as on a real device, and so
/// tells exactly how much memory the step will need.
/// </summary>
internal sealed class DryRunBackend : IBackend
{
    public string Name => "dry run";

    public void Dispose()
    {
    }

    public DeviceBuffer Allocate(long length) => new NoMemory(length);

    public DeviceBuffer AllocateMatrix(int rows, int columns, ElementType type) => new NoMemory((long)rows * columns, type);

    public void Write(ReadOnlySpan<byte> rows, Storage to)
    {
    }

    public long MemoryBytes { get; init; } = long.MaxValue;

    public void Upload(ReadOnlySpan<float> from, Storage to)
    {
    }

    public void Upload(ReadOnlySpan<int> from, Storage to)
    {
    }

    public void Download(Storage from, Span<float> to) => to.Clear();

    public void Download(Storage from, Span<int> to) => to.Clear();

    public void Copy(Storage from, Storage to)
    {
    }

    public void Fill(Storage x, float value)
    {
    }

    void IBackend.Map<TOp>(Storage x, Storage y)
    {
    }

    void IBackend.MapBackward<TOp>(Storage x, Storage y, Storage dy, Storage dx)
    {
    }

    void IBackend.Zip<TOp>(Storage a, Storage b, Storage y)
    {
    }

    void IBackend.ZipBackward<TOp>(Storage a, Storage b, Storage dy, Storage da, Storage db)
    {
    }

    public void Scale(Storage x, float alpha, Storage y)
    {
    }

    public void AddScaled(Storage x, float alpha, Storage y)
    {
    }

    public void Dot(Storage a, Storage b, Storage y)
    {
    }

    public void DotBackward(Storage dy, float alpha, Storage w, Storage dx)
    {
    }

    public double SquaredNorm(IReadOnlyList<Storage> x) => 0;

    public void MatMul(GemmForm form, Storage a, Storage b, Storage c, int m, int n, int k, bool accumulate)
    {
    }

    public void LinearPacked(Storage x, Storage w, Storage y, int m, int n, int k, PackedWeight cache, int version)
    {
    }

    public void Embedding(Storage table, Storage ids, Storage y, int rows, int c)
    {
    }

    public void EmbeddingBackward(Storage ids, Storage dy, Storage dtable, int rows, int c)
    {
    }

    public void RmsNorm(Storage x, Storage w, Storage y, Storage inverseRms, int rows, int c, float epsilon)
    {
    }

    public void RmsNormBackward(Storage x, Storage w, Storage inverseRms, Storage dy, Storage dx, Storage dw, int rows, int c)
    {
    }

    public void AddRow(Storage x, Storage row, Storage y, int rows, int c)
    {
    }

    public void SumRows(Storage x, Storage sums, int rows, int c)
    {
    }

    public void AddColumn(Storage x, Storage column, Storage y, int rows, int c)
    {
    }

    public void SumColumns(Storage x, Storage sums, int rows, int c)
    {
    }

    public void Softmax(Storage x, Storage y, int rows, int c)
    {
    }

    public void SoftmaxBackward(Storage y, Storage dy, Storage dx, int rows, int c)
    {
    }

    public void MatMulBatch(GemmForm form, Storage a, Storage b, Storage c, int batch, int m, int n, int k, bool accumulate)
    {
    }

    public void Centre(Storage x, Storage y, int rows, int c, bool accumulate)
    {
    }

    public void Rope(Storage x, Storage positions, Storage cos, Storage sin, Storage y, int rows, int h, int d, float sign, bool accumulate)
    {
    }

    public void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, Sequences sequences, int h, int hkv, int d,
        float scale, int window)
    {
    }

    public void AttentionBackward(
        Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, Sequences sequences,
        int h, int hkv, int d, float scale,
        int window)
    {
    }

    public long CacheLength(int slots, int hkv, int d, int context) => checked((long)slots * hkv * d * context);

    public void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv,
        int d, int context)
    {
    }

    public void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h,
        int hkv, int d, int context, float scale, int window)
    {
    }

    public void GatherLogSoftmax(Storage logits, Storage ids, Storage logProb, Storage logZ, int rows, int v)
    {
    }

    public void GatherLogSoftmaxBackward(Storage logits, Storage logZ, Storage ids, Storage dlogProb, Storage dlogits, int rows, int v)
    {
    }

    public void LogSumExp(Storage logits, Storage logZ, int rows, int v)
    {
    }

    public void LogSumExpBackward(Storage logits, Storage logZ, Storage dlogZ, Storage dlogits, int rows, int v)
    {
    }

    public void Gather(Storage x, Storage ids, Storage y, int rows, int v)
    {
    }

    public void GatherBackward(Storage ids, Storage dy, Storage dx, int rows, int v)
    {
    }

    public void KlDivergence(Storage logits, Storage reference, Storage kl, Storage logZ, Storage referenceLogZ, int rows, int v)
    {
    }

    public void KlDivergenceBackward(Storage logits, Storage logZ, Storage reference, Storage referenceLogZ, Storage kl, Storage dkl,
        Storage dlogits, int rows, int v)
    {
    }

    public void Entropy(Storage logits, Storage entropy, Storage logZ, int rows, int v)
    {
    }

    public void EntropyBackward(Storage logits, Storage logZ, Storage entropy, Storage dentropy, Storage dlogits, int rows, int v)
    {
    }

    public void Sample(Storage logits, Storage uniforms, Storage ids, Storage logProb, int rows, int v, float temperature, int topK,
        float topP)
    {
    }

    public void AdamW(Storage parameter, Storage gradient, Storage m, Storage v, in AdamWStep step)
    {
    }

    private sealed class NoMemory(long length, ElementType type = ElementType.F32) : DeviceBuffer(length, type)
    {
        public override void Dispose()
        {
        }
    }
}
