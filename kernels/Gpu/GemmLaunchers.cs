using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Kernels.Gpu;

using PackKernel = Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, int, int, int>;
using TiledKernel = Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>;

/// <summary>The compiled kernels, each made at its first use and kept.</summary>
internal sealed partial class Gemm
{
    private const int ItemsOfGroup = 256;

    // Tiles of a group read the same panel of B.
    private const int TilesOfGroup = 8;
    private const int CopiesOfGroup = 32;

    private readonly Accelerator accelerator;
    private readonly TiledKernel?[] tiled = new TiledKernel?[9];
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape>? naive;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>? panels;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, long, int, int>? parts;
    private PackKernel? pack, packTransposed, packTiles;

    /// <summary>Kernels compiled so far.</summary>
    public int Compiled => tiled.Count(k => k is not null) + new object?[] { naive, panels, parts, pack, packTransposed, packTiles }.Count(k => k is not null);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape> Naive =>
        naive ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape>(GemmNaive.Multiply);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int> Panels =>
        panels ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>(GemmPanels.Multiply);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, long, int, int> AddParts =>
        parts ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, long, int, int>(GemmParts.Add);

    private PackKernel PackTiles => packTiles ??= Load(GemmPacking.TransposedTiles);

    private PackKernel Pack(GemmForm form) =>
        form == GemmForm.NT ? packTransposed ??= Load(GemmPacking.TransposedPanels) : pack ??= Load(GemmPacking.Panels);

    private TiledKernel Tiled(GemmVariant variant, GemmForm form) =>
        tiled[((int)form * 3) + (variant == GemmVariant.Tiled64 ? 0 : variant == GemmVariant.Tiled128 ? 1 : 2)] ??= form switch
        {
            GemmForm.NN => Tiled<DepthAdjacent, LinesAdjacent>(variant),
            GemmForm.NT => Tiled<DepthAdjacent, DepthAdjacent>(variant),
            _ => Tiled<LinesAdjacent, LinesAdjacent>(variant),
        };

    private TiledKernel Tiled<TA, TB>(GemmVariant variant)
        where TA : struct, IGemmTileSource
        where TB : struct, IGemmTileSource
    {
        if (variant == GemmVariant.Tiled64)
            return accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>(GemmTiled.Multiply64<TA, TB>);
        if (variant == GemmVariant.TensorCores)
            return accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>(GemmTensorCores.Multiply<TA, TB, TensorCores>);
        var kernel = accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int>(GemmTiled.Multiply128<TA, TB>);
        return (stream, grid, a, b, c, shape, blocksPerGroup, _) => kernel(stream, grid, a, b, c, shape, blocksPerGroup);
    }

    private PackKernel Load(Action<ArrayView<float>, ArrayView<float>, int, int, int> kernel) => accelerator.LoadKernel(kernel);

    private static KernelConfig Items(long count) => new(checked((int)((count + ItemsOfGroup - 1) / ItemsOfGroup)), ItemsOfGroup);

    private static KernelConfig PackingGrid(GemmForm form, int k, int pieces)
    {
        int copies = form == GemmForm.NT ? Pieces(k, GemmPacking.Steps) : k;
        return new KernelConfig(new Index3D(Math.Max(1, Pieces(copies, CopiesOfGroup)), pieces, 1), new Index3D(CopiesOfGroup, 1, 1));
    }
}
