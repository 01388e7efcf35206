using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Backends;

/// <summary>SIMD on the CPU: each verb hands a kernel to the workers. Results are bit-identical for every number of threads.</summary>
internal sealed unsafe class CpuBackend : IBackend
{
    // A piece of work should last some microseconds: this many elements of a pointwise kernel, or rows of about so many elements.
    private const int PointwiseGrain = 16_384;

    private readonly Workers workers;
    private readonly AttentionPlan plan;
    private double* partials;
    private int partialsLength;

    /// <summary>A backend on the given number of threads.</summary>
    public CpuBackend(int threads) => (workers, plan) = (new Workers(threads), new AttentionPlan(threads));

    /// <inheritdoc/>
    public string Name => $"CPU ({VectorPath}, {workers.Threads} thread{(workers.Threads == 1 ? "" : "s")})";

    private static string VectorPath =>
        Vector512.IsHardwareAccelerated ? "AVX-512" : Vector256.IsHardwareAccelerated ? "AVX2" : $"{Vector<float>.Count * 32}-bit vectors";

    /// <inheritdoc/>
    public void Dispose()
    {
        workers.Dispose();
        plan.Dispose();
        NativeMemory.AlignedFree(partials);
        partials = null;
    }

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long length) => new CpuBuffer(length);

    /// <inheritdoc/>
    public DeviceBuffer AllocateMatrix(int rows, int columns, ElementType type) => new CpuMatrix(rows, columns, type);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> rows, Storage to)
    {
        PackedMatrix matrix = ((CpuMatrix)to.Buffer).Packed;
        fixed (byte* p = rows) matrix.Write(workers, (int)(to.Offset / matrix.K), p, to.Length / matrix.K);
    }

    /// <inheritdoc/>
    public long MemoryBytes => CpuMemory.Limit;

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> from, Storage to) => from.CopyTo(new Span<float>(P(to), to.Length));

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<int> from, Storage to) => from.CopyTo(new Span<int>(P(to), to.Length));

    /// <inheritdoc/>
    public void Download(Storage from, Span<float> to)
    {
        if (from.Buffer is CpuMatrix matrix) matrix.Packed.Read(from.Offset, to[..from.Length]);
        else new ReadOnlySpan<float>(P(from), from.Length).CopyTo(to);
    }

    /// <inheritdoc/>
    public void Download(Storage from, Span<int> to) => new ReadOnlySpan<int>(P(from), from.Length).CopyTo(to);

    /// <inheritdoc/>
    public void Copy(Storage from, Storage to) => Download(from, new Span<float>(P(to), to.Length));

    /// <inheritdoc/>
    public void Fill(Storage x, float value) => workers.Run(new Fill(P(x), value), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Map<TOp>(Storage x, Storage y)
        where TOp : unmanaged, IUnaryOp => workers.Run(new Map<TOp>(P(x), P(y), x.Length), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void MapBackward<TOp>(Storage x, Storage y, Storage dy, Storage dx)
        where TOp : unmanaged, IUnaryOp => workers.Run(new MapBackward<TOp>(P(x), P(y), P(dy), P(dx)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Zip<TOp>(Storage a, Storage b, Storage y)
        where TOp : unmanaged, IBinaryOp => workers.Run(new Zip<TOp>(P(a), P(b), P(y)), a.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void ZipBackward<TOp>(Storage a, Storage b, Storage dy, Storage da, Storage db)
        where TOp : unmanaged, IBinaryOp => workers.Run(new ZipBackward<TOp>(P(a), P(b), P(dy), P(da), P(db)), a.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Scale(Storage x, float alpha, Storage y) => workers.Run(new Scale(P(x), alpha, P(y)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void AddScaled(Storage x, float alpha, Storage y) => workers.Run(new AddScaled(P(x), alpha, P(y)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Dot(Storage a, Storage b, Storage y)
    {
        int chunks = Partials(a.Length);
        workers.Run(new Dot(P(a), P(b), a.Length, partials), chunks);
        *P(y) = (float)SumOfPartials(chunks);
    }

    /// <inheritdoc/>
    public void DotBackward(Storage dy, float alpha, Storage w, Storage dx)
    {
        float scale = *P(dy) * alpha;
        if (!w.IsNone) AddScaled(w, scale, dx);
        else
        {
            float* p = P(dx);
            for (int i = 0; i < dx.Length; i++) p[i] += scale;
        }
    }

    /// <inheritdoc/>
    public double SquaredNorm(IReadOnlyList<Storage> x)
    {
        double sum = 0;
        for (int i = 0; i < x.Count; i++)
        {
            int chunks = Partials(x[i].Length);
            workers.Run(new SquaredNorm(P(x[i]), x[i].Length, partials), chunks);
            sum += SumOfPartials(chunks);
        }

        return sum;
    }

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
        PackedMatrix? packed = (w.Buffer as CpuMatrix)?.Packed ?? (PackedMatrix?)cache.Layout;
        if (packed is null) cache.Layout = packed = PackedMatrix.Of<Float32>(n, k);
        if (packed == cache.Layout && cache.Version != version)
        {
            packed.Write(workers, 0, P(w), n);
            cache.Version = version;
        }

        packed.Multiply(workers, GemmForm.NT, P(x), P(y), m, accumulate: false);
    }

    /// <inheritdoc/>
    public void Embedding(Storage table, Storage ids, Storage y, int rows, int c)
    {
        if (table.Buffer is CpuMatrix matrix) matrix.Packed.Rows(workers, I(ids), P(y), rows, RowGrain(c));
        else workers.Run(new EmbeddingForward(P(table), I(ids), P(y), c), rows, RowGrain(c));
    }

    /// <inheritdoc/>
    public void EmbeddingBackward(Storage ids, Storage dy, Storage dtable, int rows, int c) =>
        workers.Run(new EmbeddingBackward(I(ids), rows, P(dy), P(dtable), c), Blocks(c, Kernels.Cpu.EmbeddingBackward.BlockSize));

    /// <inheritdoc/>
    public void RmsNorm(Storage x, Storage w, Storage y, Storage inverseRms, int rows, int c, float epsilon) =>
        workers.Run(new RmsNormForward(P(x), P(w), P(y), P(inverseRms), c, epsilon), rows, RowGrain(c));

    /// <inheritdoc/>
    public void RmsNormBackward(Storage x, Storage w, Storage inverseRms, Storage dy, Storage dx, Storage dw, int rows, int c)
    {
        if (!dx.IsNone) workers.Run(new RmsNormBackwardInput(P(x), P(w), P(inverseRms), P(dy), P(dx), c), rows, RowGrain(c));
        if (!dw.IsNone)
        {
            workers.Run(new RmsNormBackwardWeight(P(x), P(inverseRms), P(dy), P(dw), rows, c), Blocks(c, RmsNormBackwardWeight.BlockSize));
        }
    }

    /// <inheritdoc/>
    public void AddRow(Storage x, Storage row, Storage y, int rows, int c) =>
        workers.Run(new AddRow(P(x), P(row), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SumRows(Storage x, Storage sums, int rows, int c) =>
        workers.Run(new SumRows(P(x), P(sums), rows, c), Blocks(c, Kernels.Cpu.SumRows.BlockSize));

    /// <inheritdoc/>
    public void AddColumn(Storage x, Storage column, Storage y, int rows, int c) =>
        workers.Run(new AddColumn(P(x), P(column), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SumColumns(Storage x, Storage sums, int rows, int c) => workers.Run(new SumColumns(P(x), P(sums), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Softmax(Storage x, Storage y, int rows, int c) => workers.Run(new SoftmaxForward(P(x), P(y), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void SoftmaxBackward(Storage y, Storage dy, Storage dx, int rows, int c) =>
        workers.Run(new SoftmaxBackward(P(y), P(dy), P(dx), c), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Centre(Storage x, Storage y, int rows, int c, bool accumulate) =>
        workers.Run(new Centre(P(x), P(y), c, accumulate), rows, RowGrain(c));

    /// <inheritdoc/>
    public void Rope(Storage x, Storage positions, Storage cos, Storage sin, Storage y, int rows, int h, int d, float sign,
        bool accumulate) =>
        workers.Run(new Rope(P(x), I(positions), P(cos), P(sin), P(y), h, d, sign, accumulate), rows, RowGrain(h * d));

    /// <inheritdoc/>
    public void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, Sequences sequences, int h, int hkv, int d,
        float scale, int window)
    {
        plan.CutForward(sequences.Host, h, d, window);
        workers.Run(
            new AttentionForward(P(q), P(k), P(v), P(y), P(logSum), I(sequences.Starts), plan.Pieces, plan.Longest, sequences.Rows, h, hkv,
                d, scale, window), plan.Count * hkv);
    }

    /// <inheritdoc/>
    public void AttentionBackward(
        Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, Sequences sequences,
        int h, int hkv, int d, float scale,
        int window)
    {
        plan.CutBackward(sequences.Host, h, d, window);
        workers.Run(
            new AttentionBackward(
                P(q), P(k), P(v), P(y), P(logSum), P(dy), P(dq), P(dk), P(dv), I(sequences.Starts), plan.Pieces, plan.Longest,
                sequences.Rows, h, hkv, d, scale, window),
            plan.Count * hkv);
    }

    /// <inheritdoc/>
    public long CacheLength(int slots, int hkv, int d, int context) => checked((long)slots * hkv * d * context);

    /// <inheritdoc/>
    public void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv,
        int d, int context) =>
        workers.Run(new CacheAppend(P(k), P(v), I(slots), I(positions), P(cacheK), P(cacheV), hkv, d, context), rows, RowGrain(hkv * d));

    /// <inheritdoc/>
    public void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h,
        int hkv, int d, int context, float scale, int window) =>
        workers.Run(
            new AttentionDecode(P(q), P(cacheK), P(cacheV), I(slots), I(positions), P(y), h, hkv, d, context, scale, window), rows * h,
            RowGrain(d * 32));

    /// <inheritdoc/>
    public void GatherLogSoftmax(Storage logits, Storage ids, Storage logProb, Storage logZ, int rows, int v) =>
        workers.Run(new GatherLogSoftmaxForward(P(logits), I(ids), P(logProb), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void GatherLogSoftmaxBackward(Storage logits, Storage logZ, Storage ids, Storage dlogProb, Storage dlogits, int rows, int v) =>
        workers.Run(new GatherLogSoftmaxBackward(P(logits), P(logZ), I(ids), P(dlogProb), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void LogSumExp(Storage logits, Storage logZ, int rows, int v) =>
        workers.Run(new LogSumExpForward(P(logits), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void LogSumExpBackward(Storage logits, Storage logZ, Storage dlogZ, Storage dlogits, int rows, int v) =>
        workers.Run(new LogSumExpBackward(P(logits), P(logZ), P(dlogZ), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Gather(Storage x, Storage ids, Storage y, int rows, int v) =>
        workers.Run(new GatherForward(P(x), I(ids), P(y), v), rows, PointwiseGrain);

    /// <inheritdoc/>
    public void GatherBackward(Storage ids, Storage dy, Storage dx, int rows, int v) =>
        workers.Run(new GatherBackward(I(ids), P(dy), P(dx), v), rows, PointwiseGrain);

    /// <inheritdoc/>
    public void KlDivergence(Storage logits, Storage reference, Storage kl, Storage logZ, Storage referenceLogZ, int rows, int v) =>
        workers.Run(new KlDivergenceForward(P(logits), P(reference), P(kl), P(logZ), P(referenceLogZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void KlDivergenceBackward(Storage logits, Storage logZ, Storage reference, Storage referenceLogZ, Storage kl, Storage dkl,
        Storage dlogits, int rows, int v) =>
        workers.Run(
            new KlDivergenceBackward(P(logits), P(logZ), P(reference), P(referenceLogZ), P(kl), P(dkl), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Entropy(Storage logits, Storage entropy, Storage logZ, int rows, int v) =>
        workers.Run(new EntropyForward(P(logits), P(entropy), P(logZ), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void EntropyBackward(Storage logits, Storage logZ, Storage entropy, Storage dentropy, Storage dlogits, int rows, int v) =>
        workers.Run(new EntropyBackward(P(logits), P(logZ), P(entropy), P(dentropy), P(dlogits), v), rows, RowGrain(v));

    /// <inheritdoc/>
    public void Sample(Storage logits, Storage uniforms, Storage ids, Storage logProb, int rows, int v, float temperature, int topK,
        float topP) =>
        workers.Run(new Sample(P(logits), P(uniforms), I(ids), P(logProb), v, temperature, topK, topP), rows, RowGrain(v));

    /// <inheritdoc/>
    public void AdamW(Storage parameter, Storage gradient, Storage m, Storage v, in AdamWStep s) =>
        workers.Run(
            new AdamW(P(parameter), P(gradient), P(m), P(v), s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.Decay, s.GradientScale,
                s.Correction1, s.Correction2),
            parameter.Length, PointwiseGrain);

    private static float* P(Storage s) => s.Buffer switch
    {
        CpuBuffer buffer => buffer.Pointer + s.Offset,
        null => null,
        var matrix => throw new NotSupportedException(
            $"A frozen weight of {matrix.Type.Name()} came where float32 is needed: it can be the right factor of a product and the table "
                + "of an embedding. "
            + "Load the model with trainable: true for float32."),
    };

    private static int* I(Storage s) => (int*)P(s);

    private static int RowGrain(int rowLength) => Math.Max(1, PointwiseGrain / Math.Max(1, rowLength));

    private static int Blocks(int n, int size) => (n + size - 1) / size;

    private int Partials(int length)
    {
        int chunks = Blocks(length, Kernels.Cpu.SquaredNorm.ChunkSize);
        if (chunks > partialsLength)
        {
            NativeMemory.AlignedFree(partials);
            partials = (double*)NativeMemory.AlignedAlloc((nuint)chunks * sizeof(double), 64);
            partialsLength = chunks;
        }

        return chunks;
    }

    private double SumOfPartials(int chunks)
    {
        double sum = 0;
        for (int i = 0; i < chunks; i++) sum += partials[i];
        return sum;
    }
}
