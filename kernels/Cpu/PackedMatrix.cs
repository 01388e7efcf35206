using System.Runtime.InteropServices;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// A linear layer's weight w (N, K), copied once into the order in which y = x·wᵀ reads it. A product of few rows, as in sampling,
/// then runs at the speed at which the memory delivers the weight.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private float* panels;

    /// <summary>Reserves memory for a weight (n, k); <see cref="Pack"/> fills it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">n or k is negative.</exception>
    public PackedMatrix(int n, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        (N, K) = (n, k);
        int width = PanelWidth;
        Bytes = (long)((n + width - 1) / width) * width * k * sizeof(float);
        panels = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(Bytes, 64), 64);
    }

    /// <summary>Frees the memory if <see cref="Dispose"/> was not called.</summary>
    ~PackedMatrix() => NativeMemory.AlignedFree(panels);

    /// <summary>Rows of the weight: outputs of the layer.</summary>
    public int N { get; }

    /// <summary>Columns of the weight: inputs of the layer.</summary>
    public int K { get; }

    /// <summary>Memory held, in bytes: N·K floats, N rounded up to whole panels.</summary>
    public long Bytes { get; }

    private static int PanelWidth => 2 * (Gemm.HasAvx512 ? GemmTileAvx512.Lanes : Gemm.HasAvx2 ? GemmTileAvx2.Lanes : GemmTilePortable.Lanes);

    /// <summary>Takes over the weight w (N, K), row-major and contiguous.</summary>
    public void Pack(Workers workers, float* w)
    {
        if (Gemm.HasAvx512) Pack<GemmTileAvx512>(workers, w);
        else if (Gemm.HasAvx2) Pack<GemmTileAvx2>(workers, w);
        else Pack<GemmTilePortable>(workers, w);
    }

    /// <summary>y = x·wᵀ, or y += x·wᵀ if <paramref name="accumulate"/>: x (M, K), y (M, N); the bits are those of <see cref="Gemm.Multiply"/> with NT.</summary>
    public void Multiply(Workers workers, float* x, float* y, int M, bool accumulate)
    {
        if (Gemm.HasAvx512) Multiply<GemmTileAvx512>(workers, x, y, M, accumulate);
        else if (Gemm.HasAvx2) Multiply<GemmTileAvx2>(workers, x, y, M, accumulate);
        else Multiply<GemmTilePortable>(workers, x, y, M, accumulate);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(panels);
        panels = null;
        GC.SuppressFinalize(this);
    }

    private void Pack<TTile>(Workers workers, float* w)
        where TTile : struct, IGemmTile
    {
        ObjectDisposedException.ThrowIf(panels == null, this);
        int count = (N + (2 * TTile.Lanes) - 1) / (2 * TTile.Lanes);
        PackPanels<TTile> pack = new(w, K, true, panels, N, K);
        if ((long)N * K < Gemm.MultiplyAddsWorthSplitting / 8) pack.Run(0, count);
        else workers.Run(pack, count);
    }

    private void Multiply<TTile>(Workers workers, float* x, float* y, int M, bool accumulate)
        where TTile : struct, IGemmTile
    {
        ObjectDisposedException.ThrowIf(panels == null, this);
        GemmOperands o = new(GemmForm.NT, x, null, y, M, N, K, accumulate);
        if (o.Empty) return;
        bool split = GemmBlocks.Split(workers, o);
        GemmGrid grid = GemmBlocks.Grid<TTile>(o, o.Panels<TTile>(), Math.Min(K, GemmBlocks.MaxDepth), split ? workers.Threads : 1);
        MultiplyTiles<TTile> multiply = new(o, panels, K, 0, N, 0, GemmBlocks.DepthBlocks(K), grid);
        if (split) workers.Run(multiply, multiply.Items);
        else multiply.Run(0, multiply.Items);
    }
}
