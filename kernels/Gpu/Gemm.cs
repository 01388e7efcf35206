using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Kernels.Gpu;

using TiledKernel = Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>;

/// <summary>
/// Matrix products on an ILGPU device. Kernels are compiled at their first use; after that a product allocates nothing. Calls come from one
/// thread at a time.
/// </summary>
/// <remarks>
/// <para>
/// What is computed. K is cut into blocks by K alone (<see cref="GemmDepth"/>). A block's sum starts from zero and takes k in ascending
/// order, and the blocks are added in order:
/// </para>
/// <code>
///   Sₚ = ((a[i,k₀]·b[k₀,j]) + a[i,k₀+1]·b[k₀+1,j]) + ...     k₀ … k₁ the block p
///   C[i,j] = (((C₀[i,j]) + S₀) + S₁) + ...                   without the first term unless accumulating
/// </code>
/// <para>
/// Nothing else enters: not M, not N, not the place of the row, not the variant, not the number of groups that share K. So a repeat has the
/// same bits, and so has a row alone and in any batch. (Whether a multiply-add is rounded once or twice is the choice of the device's
/// compiler: once on CUDA, twice on OpenCL and on ILGPU's own CPU accelerator.) The variant for tensor cores, which rounds factors and
/// groups sums, is the exception.
/// </para>
/// </remarks>
internal sealed partial class Gemm
{
    // Panels of B, tiles of A or parts of C, in floats: at most 16 MB of each.
    private const long MostScratch = 4 << 20;

    private readonly bool isCpu;
    private readonly int multiprocessors;
    private readonly bool hasTensorCores;

    /// <summary>The products of a device.</summary>
    public Gemm(Accelerator accelerator)
    {
        this.accelerator = accelerator;
        isCpu = accelerator.AcceleratorType == AcceleratorType.CPU
            || (accelerator is CLAccelerator cl && (cl.DeviceType & CLDeviceType.CL_DEVICE_TYPE_CPU) != 0);
        multiprocessors = accelerator.NumMultiprocessors;
        hasTensorCores = accelerator is CudaAccelerator cuda && cuda.Architecture >= CudaArchitecture.SM_80;
    }

    /// <summary>Whether factors may be rounded to TF32, on devices that are then faster; see <see cref="GemmTensorCores"/>.</summary>
    public bool Tf32 { get; set; }

    /// <summary>How many floats of scratch memory <c>Multiply</c> needs.</summary>
    public long ScratchLength(GemmForm form, int m, int n, int k) => ScratchLength(Choose(m, n, k), form, m, n, k);

    /// <summary>
    /// C = A·B, A·Bᵀ or Aᵀ·B by <paramref name="form"/>, or C += that if <paramref name="accumulate"/>; C is (M, N), K is the inner
    /// dimension, all row-major and contiguous. Sizes may be zero; K = 0 gives zeros. C overlaps neither A nor B. Scratch memory is free
    /// for others once later work of the stream begins.
    /// </summary>
    public void Multiply(
        AcceleratorStream stream, GemmForm form, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int m, int n, int k,
        bool accumulate, ArrayView<float> scratch) =>
        Multiply<Float32>(stream, form, a, b, c, m, n, k, accumulate, scratch);

    /// <summary>The same with a B of another type, in a view of 32-bit words, which is widened as it is read.</summary>
    public void Multiply<TElement>(
        AcceleratorStream stream, GemmForm form, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int m, int n, int k,
        bool accumulate, ArrayView<float> scratch)
        where TElement : struct, IElement =>
        Multiply<TElement>(Choose(m, n, k), stream, form, a, b, c, m, n, k, accumulate, scratch);

    /// <summary>Which variant is the fastest here.</summary>
    internal GemmVariant Choose(int m, int n, int k)
    {
        if (isCpu) return GemmVariant.Panels;
        if (Tf32 && hasTensorCores && m >= 64 && n >= 64) return GemmVariant.TensorCores; // smaller ones would leave most of a tile empty
        bool fills = m >= 128 && n >= 128 && Pieces(m, 128) * Pieces(n, 128) * GemmDepth.Blocks(k) >= multiprocessors;
        return fills ? GemmVariant.Tiled128 : GemmVariant.Tiled64;
    }

    /// <summary>Scratch memory for a given variant.</summary>
    internal long ScratchLength(GemmVariant variant, GemmForm form, int m, int n, int k) => variant switch
    {
        GemmVariant.Panels => ((long)PanelColumns(n, k) * k) + TileScratch(form, m, k),
        GemmVariant.Naive => 0,
        _ => Parts(Width(variant), m, n, k) is > 1 and int parts ? (long)parts * m * n : 0,
    };

    /// <summary>The product by a given variant.</summary>
    internal void Multiply<TElement>(
        GemmVariant variant, AcceleratorStream stream, GemmForm form, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int m,
        int n, int k, bool accumulate, ArrayView<float> scratch)
        where TElement : struct, IElement
    {
        OfElement kernels = Of<TElement>();
        if (m == 0 || n == 0) return;
        GemmShape shape = GemmShape.Of(form, m, n, k, accumulate);
        switch (k == 0 ? GemmVariant.Naive : variant)
        {
            case GemmVariant.Naive: kernels.Naive(stream, Items((long)m * n), a, b, c, shape); break;
            case GemmVariant.Panels: MultiplyPanels(kernels, stream, form, a, b, c, shape, scratch); break;
            default: MultiplyTiled(kernels, variant, stream, form, a, b, c, shape, scratch); break;
        }
    }

    // A group takes all of K, unless there are too few groups to keep the device busy: then each takes one block, and a second pass adds
    // the parts.
    private void MultiplyTiled(
        OfElement kernels, GemmVariant variant, AcceleratorStream stream, GemmForm form, ArrayView<float> a, ArrayView<float> b,
        ArrayView<float> c, GemmShape s, ArrayView<float> scratch)
    {
        // Where a quadruple cannot be read as one, a tile of 64 does: it needs no more parts.
        bool aligned = IsAligned(a, form == GemmForm.TN ? s.M : s.K) && IsAligned(b, form == GemmForm.NT ? s.K : s.N) && IsAligned(c, s.N);
        if (variant == GemmVariant.Tiled128 && !aligned) variant = GemmVariant.Tiled64;
        TiledKernel kernel = kernels.Tiled(variant, form);
        int width = Width(variant), parts = Parts(width, s.M, s.N, s.K);
        Index3D groups = new(Pieces(s.N, width), Pieces(s.M, width), parts), items = new(GemmTiled.GroupSize, 1, 1);
        KernelConfig grid = variant == GemmVariant.TensorCores ? GemmTensorCores.Launch<TensorCores>(groups) : new(groups, items);
        if (parts == 1)
        {
            kernel(stream, grid, a, b, c, s, GemmDepth.Blocks(s.K), aligned ? 1 : 0);
            return;
        }

        kernel(stream, grid, a, b, scratch, s with { Accumulate = 0 }, 1, aligned ? 1 : 0);
        AddParts(stream, Items((long)s.M * s.N), scratch, c, (long)s.M * s.N, parts, s.Accumulate);
    }

    // Some columns of B are packed at a time, and if A is transposed some rows of A: scratch memory is limited.
    private void MultiplyPanels(
        OfElement kernels, AcceleratorStream stream, GemmForm form, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c,
        GemmShape s, ArrayView<float> scratch)
    {
        int columns = PanelColumns(s.N, s.K), rows = form == GemmForm.TN ? TileRows(s.M, s.K) : s.M;
        ArrayView<float> panels = scratch.SubView(0, (long)columns * s.K),
            tiles = form == GemmForm.TN ? scratch.SubView(panels.Length, (long)rows * s.K) : panels;
        for (int j = 0; j < s.N; j += columns)
        {
            int ofPanels = Pieces(Math.Min(columns, s.N - j), GemmPanels.Width);
            kernels.Pack(form)(stream, PackingGrid(form, s.K, ofPanels), b, panels, s.N, s.K, j);
            for (int i = 0; i < s.M; i += rows)
            {
                int height = Math.Min(rows, s.M - i), ofTiles = Pieces(height, GemmPanels.Height);
                KernelConfig grid = new(new Index3D(Pieces(ofTiles, TilesOfGroup), ofPanels, 1), new Index3D(TilesOfGroup, 1, 1));
                ArrayView<float> ofC = c.SubView((long)i * s.N, (long)height * s.N);
                if (form == GemmForm.TN)
                {
                    PackTiles(stream, PackingGrid(form, s.K, ofTiles), a, tiles, s.M, s.K, i);
                    Panels(stream, grid, tiles, panels, ofC, s with { M = height, DepthA = GemmPanels.Height }, s.K, j);
                }
                else
                {
                    Panels(stream, grid, a, panels, ofC, s, s.RowA, j);
                }
            }
        }
    }

    private static int Width(GemmVariant variant) => variant == GemmVariant.Tiled64 ? 64 : 128;

    private int Parts(int width, int m, int n, int k)
    {
        int blocks = GemmDepth.Blocks(k);
        bool few = (long)Pieces(m, width) * Pieces(n, width) < 2 * multiprocessors;
        return few && (long)blocks * m * n <= MostScratch ? blocks : 1;
    }

    private static int PanelColumns(int n, int k) => WithinScratch(n, k, GemmPanels.Width);

    private static int TileRows(int m, int k) => WithinScratch(m, k, GemmPanels.Height);

    private static long TileScratch(GemmForm form, int m, int k) => form == GemmForm.TN ? (long)TileRows(m, k) * k : 0;

    // As many lines of length k, in whole pieces, as the limit allows; at least one piece, at most what covers all lines.
    private static int WithinScratch(int lines, int k, int piece) =>
        piece * (int)Math.Max(1, Math.Min(MostScratch / (piece * Math.Max(1L, k)), Pieces(lines, piece)));

    private static int Pieces(int length, int piece) => (length + piece - 1) / piece;

    // Quadruples can be read as one if each row begins at a multiple of four floats.
    private static bool IsAligned(ArrayView<float> view, int rowLength) => Start(view) % 4 == 0 && rowLength % 4 == 0;

    // Where a view begins in its buffer, which is aligned. A generic method, because the property is an explicit one and a cast would
    // allocate.
    private static long Start<TView>(TView view)
        where TView : struct, IContiguousArrayView => view.Index;
}
