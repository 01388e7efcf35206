using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Backends.Cpu;

/// <summary>SIMD on the CPU: each verb hands a kernel to the workers. Results are bit-identical for every number of threads.</summary>
internal sealed unsafe partial class CpuBackend : IBackend
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
