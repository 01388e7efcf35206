using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// A linear layer's weight w (N, K) in the order in which y = x·wᵀ reads it, in a type of its own. A product of few rows, as in sampling,
/// then runs at the speed at which the memory delivers the weight. For a weight that is trained it is a copy; one that is only read lies
/// nowhere else, and is a table of rows (<see cref="Rows"/>) as well.
/// </summary>
/// <remarks>
/// Panel p holds rows p·W … of w, W = 2·Lanes, as K columns of W elements, at p·W·K: w[r, c] of a whole panel is element c·W + r − p·W of
/// it. A last panel of at most Lanes rows has columns of Lanes elements; rows beyond the matrix are zeros.
/// </remarks>
internal abstract unsafe class PackedMatrix : IDisposable
{
    private protected PackedMatrix(int n, int k, int elementSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        (N, K) = (n, k);
        Bytes = BytesOf(n, k, elementSize);
        Panels = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(Bytes, 64), 64);
        int rest = n % PanelWidth; // zeros beyond the last row, once and for all
        if (rest != 0) new Span<byte>(Panels + ((nint)(n - rest) * k * elementSize), checked(PanelWidth * k * elementSize)).Clear();
    }

    /// <summary>Frees the memory if <see cref="Dispose"/> was not called.</summary>
    ~PackedMatrix() => NativeMemory.AlignedFree(Panels);

    /// <summary>Rows of the weight: outputs of the layer.</summary>
    public int N { get; }

    /// <summary>Columns of the weight: inputs of the layer.</summary>
    public int K { get; }

    /// <summary>Memory held, in bytes: N·K elements, N rounded up to whole panels.</summary>
    public long Bytes { get; }

    private protected static int Lanes =>
        Gemm.HasAvx512 ? GemmTileAvx512.Lanes : Gemm.HasAvx2 ? GemmTileAvx2.Lanes : GemmTilePortable.Lanes;

    private protected static int PanelWidth => 2 * Lanes;

    private protected byte* Panels { get; private set; }

    /// <summary>Reserves memory for a weight (n, k) whose elements lie there as they do in a file.</summary>
    /// <exception cref="ArgumentOutOfRangeException">n or k is negative.</exception>
    public static PackedMatrix Of<TElement>(int n, int k)
        where TElement : struct, IElement => new PackedMatrix<TElement>(n, k);

    /// <summary>Memory that a weight (n, k) takes.</summary>
    public static long BytesOf(int n, int k, int elementSize) => ((long)n + PanelWidth - 1) / PanelWidth * PanelWidth * k * elementSize;

    /// <summary>Takes over rows of the weight from the given one on, row-major, in the matrix's own type.</summary>
    public abstract void Write(Workers workers, int firstRow, void* rows, int count);

    /// <summary>Hands out elements, row-major, from the given one on, widened.</summary>
    public abstract void Read(long first, Span<float> values);

    /// <summary>y[r] = w[ids[r]]: the weight as a table of rows of K.</summary>
    public abstract void Rows(Workers workers, int* ids, float* y, int rows, int grain);

    /// <summary>
    /// C = A·wᵀ (NT: A (M, K), C (M, N)) or C = A·w (NN: A (M, N), C (M, K)), or C += that if <paramref name="accumulate"/>; the bits are
    /// those of <see cref="Gemm.Multiply(Workers, GemmForm, float*, float*, float*, int, int, int, bool)"/> with the widened weight.
    /// </summary>
    public abstract void Multiply(Workers workers, GemmForm form, float* a, float* c, int M, bool accumulate);

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(Panels);
        Panels = null;
        GC.SuppressFinalize(this);
    }
}

/// <inheritdoc/>
internal sealed unsafe class PackedMatrix<TElement>(int n, int k) : PackedMatrix(n, k, TElement.Size)
    where TElement : struct, IElement
{
    // Up to so many rows, tiles read the panels where they lie; more rows are worth a copy of some panels that the caches hold, which is
    // widened once and not for every tile.
    private static int FewRows => TElement.Size == sizeof(float) ? 256 : 64;

    /// <inheritdoc/>
    public override void Write(Workers workers, int firstRow, void* rows, int count)
    {
        ObjectDisposedException.ThrowIf(Panels == null, this);
        if (typeof(TElement) == typeof(Float32) && count == N)
        {
            if (Gemm.HasAvx512) WriteAll<GemmTileAvx512>(workers, (float*)rows);
            else if (Gemm.HasAvx2) WriteAll<GemmTileAvx2>(workers, (float*)rows);
            else WriteAll<GemmTilePortable>(workers, (float*)rows);
            return;
        }

        int width = PanelWidth, from = firstRow / width, to = (firstRow + count + width - 1) / width;
        WriteRows write = new(Panels, N, K, firstRow, (byte*)rows, count, Lanes);
        if ((long)count * K < Gemm.MultiplyAddsWorthSplitting / 8) write.Run(from, to);
        else workers.Run(new Shifted<WriteRows>(write, from), to - from);
    }

    /// <inheritdoc/>
    public override void Read(long first, Span<float> values)
    {
        ObjectDisposedException.ThrowIf(Panels == null, this);
        for (int done = 0; done < values.Length;)
        {
            (long row, long column) = Math.DivRem(first + done, K);
            int count = (int)Math.Min(values.Length - done, K - column);
            byte* from = Place(Panels, N, K, (int)row, Lanes, out nint stride) + ((nint)column * stride);
            for (int i = 0; i < count; i++) values[done + i] = TElement.Load(from + (i * stride));
            done += count;
        }
    }

    /// <inheritdoc/>
    public override void Rows(Workers workers, int* ids, float* y, int rows, int grain)
    {
        ObjectDisposedException.ThrowIf(Panels == null, this);
        workers.Run(new ReadRows(Panels, N, K, ids, y, Lanes), rows, grain);
    }

    /// <inheritdoc/>
    public override void Multiply(Workers workers, GemmForm form, float* a, float* c, int M, bool accumulate)
    {
        ObjectDisposedException.ThrowIf(Panels == null, this);
        if (form == GemmForm.TN) throw new NotSupportedException("A packed matrix is the right factor of NT and NN products.");
        GemmOperands o = form == GemmForm.NT ? new(form, a, null, c, M, N, K, accumulate) : new(form, a, null, c, M, K, N, accumulate);
        if (form == GemmForm.NN || M > FewRows) Gemm.Multiply(workers, o, new OfPanels<TElement>(Panels, N, K, form == GemmForm.NT));
        else if (Gemm.HasAvx512) MultiplyFewRows<GemmTileAvx512>(workers, o);
        else if (Gemm.HasAvx2) MultiplyFewRows<GemmTileAvx2>(workers, o);
        else MultiplyFewRows<GemmTilePortable>(workers, o);
    }

    // By the register transposes of the products' own packing, for a copy that is made at every update of the weight.
    private void WriteAll<TTile>(Workers workers, float* w)
        where TTile : struct, IGemmTile
    {
        int count = (N + (2 * TTile.Lanes) - 1) / (2 * TTile.Lanes);
        PackPanels<TTile, RowMajor> pack = new(new RowMajor(w, K, transposed: true), (float*)Panels, 0, N, 0, K);
        if ((long)N * K < Gemm.MultiplyAddsWorthSplitting / 8) pack.Run(0, count);
        else workers.Run(pack, count);
    }

    private void MultiplyFewRows<TTile>(Workers workers, in GemmOperands o)
        where TTile : struct, IGemmTile
    {
        if (o.Empty) return;
        bool split = GemmBlocks.Split(workers, o);
        GemmGrid grid = GemmBlocks.Grid<TTile>(o, o.Panels<TTile>(), Math.Min(K, GemmBlocks.MaxDepth), split ? workers.Threads : 1);
        MultiplyTiles<TTile, TElement> multiply = new(o, Panels, K, 0, N, 0, GemmBlocks.DepthBlocks(K), grid);
        if (split) workers.Run(multiply, multiply.Items);
        else multiply.Run(0, multiply.Items);
    }

    // Where a row begins, and how far its elements lie apart, in bytes.
    private static byte* Place(byte* panels, int n, int k, int row, int lanes, out nint stride)
    {
        int width = 2 * lanes, first = row / width * width;
        stride = (n - first > lanes ? width : lanes) * TElement.Size;
        return panels + ((((nint)first * k) + (row - first)) * TElement.Size);
    }

    // Items are panels, counted from the matrix's first.
    private readonly struct WriteRows(byte* panels, int n, int k, int firstRow, byte* rows, int count, int lanes) : IKernel
    {
        public void Run(int start, int end)
        {
            int width = 2 * lanes;
            const int Chunk = 32; // columns of all rows of a panel that the first-level cache holds
            for (int panel = start; panel < end; panel++)
            {
                int from = Math.Max(firstRow, panel * width), to = Math.Min(firstRow + count, (panel + 1) * width);
                for (int column = 0; column < k; column += Chunk)
                {
                    for (int row = from; row < to; row++)
                    {
                        byte* target = Place(panels, n, k, row, lanes, out nint stride) + (column * stride);
                        byte* source = rows + ((((nint)(row - firstRow) * k) + column) * TElement.Size);
                        int columns = Math.Min(Chunk, k - column);
                        if (TElement.Size == sizeof(ushort))
                        {
                            for (int c = 0; c < columns; c++) *(ushort*)(target + (c * stride)) = ((ushort*)source)[c];
                        }
                        else for (int c = 0; c < columns; c++) *(float*)(target + (c * stride)) = ((float*)source)[c];
                    }
                }
            }
        }
    }

    // Items are rows of y.
    private readonly struct ReadRows(byte* panels, int n, int k, int* ids, float* y, int lanes) : IKernel
    {
        public void Run(int start, int end)
        {
            for (int r = start; r < end; r++)
            {
                byte* from = Place(panels, n, k, ids[r], lanes, out nint stride);
                float* row = y + ((nint)r * k);
                for (int c = 0; c < k; c++) row[c] = TElement.Load(from + (c * stride));
            }
        }
    }

    // A kernel whose first item is not 0.
    private readonly struct Shifted<TKernel>(TKernel kernel, int first) : IKernel
        where TKernel : unmanaged, IKernel
    {
        public void Run(int start, int end) => kernel.Run(first + start, first + end);
    }
}
