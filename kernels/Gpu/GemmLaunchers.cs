using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Kernels.Gpu;

using NaiveKernel = Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape>;
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
    private readonly Dictionary<Type, OfElement> ofElements = [];
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>? panels;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, long, int, int>? parts;
    private PackKernel? packTiles;

    /// <summary>Kernels compiled so far.</summary>
    public int Compiled => ofElements.Values.Sum(kernels => kernels.Compiled)
        + new object?[] { panels, parts, packTiles }.Count(k => k is not null);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int> Panels =>
        panels ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>(GemmPanels.Multiply);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, long, int, int> AddParts =>
        parts ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, long, int, int>(GemmParts.Add);

    private PackKernel PackTiles =>
        packTiles ??= accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, int, int, int>(GemmPacking.TransposedTiles);

    private OfElement Of<TElement>()
        where TElement : struct, IElement
    {
        if (!ofElements.TryGetValue(typeof(TElement), out OfElement? kernels))
        {
            ofElements.Add(typeof(TElement), kernels = new OfElement<TElement>(accelerator));
        }
        return kernels;
    }

    private static KernelConfig Items(long count) => new(checked((int)((count + ItemsOfGroup - 1) / ItemsOfGroup)), ItemsOfGroup);

    private static KernelConfig PackingGrid(GemmForm form, int k, int pieces)
    {
        int copies = form == GemmForm.NT ? Pieces(k, GemmPacking.Steps) : k;
        return new KernelConfig(new Index3D(Math.Max(1, Pieces(copies, CopiesOfGroup)), pieces, 1), new Index3D(CopiesOfGroup, 1, 1));
    }

    /// <summary>The kernels that read B, for one type of its elements.</summary>
    private abstract class OfElement
    {
        private readonly TiledKernel?[] tiled = new TiledKernel?[9];
        private NaiveKernel? naive;
        private PackKernel? pack, packTransposed;

        public int Compiled => tiled.Count(k => k is not null) + new object?[] { naive, pack, packTransposed }.Count(k => k is not null);

        public NaiveKernel Naive => naive ??= LoadNaive();

        public PackKernel Pack(GemmForm form) => form == GemmForm.NT ? packTransposed ??= LoadPacking(form) : pack ??= LoadPacking(form);

        public TiledKernel Tiled(GemmVariant variant, GemmForm form) =>
            tiled[((int)form * 3) + (variant == GemmVariant.Tiled64 ? 0 : variant == GemmVariant.Tiled128 ? 1 : 2)] ??= form switch
            {
                GemmForm.NN => LoadTiled<DepthAdjacent, LinesAdjacent>(variant),
                GemmForm.NT => LoadTiled<DepthAdjacent, DepthAdjacent>(variant),
                _ => LoadTiled<LinesAdjacent, LinesAdjacent>(variant),
            };

        protected abstract NaiveKernel LoadNaive();

        protected abstract PackKernel LoadPacking(GemmForm form);

        protected abstract TiledKernel LoadTiled<TA, TB>(GemmVariant variant)
            where TA : struct, IGemmTileSource
            where TB : struct, IGemmTileSource;
    }

    private sealed class OfElement<TElement>(Accelerator accelerator) : OfElement
        where TElement : struct, IElement
    {
        protected override NaiveKernel LoadNaive() =>
            accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape>(GemmNaive.Multiply<TElement>);

        protected override PackKernel LoadPacking(GemmForm form) => form == GemmForm.NT
            ? accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, int, int, int>(GemmPacking.TransposedPanels<TElement>)
            : accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, int, int, int>(GemmPacking.Panels<TElement>);

        protected override TiledKernel LoadTiled<TA, TB>(GemmVariant variant)
        {
            if (variant == GemmVariant.Tiled64)
                return accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int,
                    int>(GemmTiled.Multiply64<TA, TB, TElement>);
            if (variant == GemmVariant.TensorCores)
            {
                return accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, int, int>(
                    GemmTensorCores.Multiply<TA, TB, TElement, TensorCores>);
            }

            var kernel =
                accelerator.LoadKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape,
                    int>(GemmTiled.Multiply128<TA, TB, TElement>);
            return (stream, grid, a, b, c, shape, blocksPerGroup, _) => kernel(stream, grid, a, b, c, shape, blocksPerGroup);
        }
    }
}
