using ILGPU;
using ILGPU.Algorithms;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Rows of V elements cut into runs, a work item a run: of eight elements on GPUs, of whole rows or 4096 elements where a device computes
/// on a CPU.
/// </summary>
internal readonly struct RowRuns
{
    private readonly int length, perRow, count, groupSize;

    /// <summary>The runs of all rows.</summary>
    public RowRuns(int rows, int v, bool alone)
    {
        length = alone ? 4096 : 8;
        perRow = (v + length - 1) / length;
        count = checked(rows * perRow);
        groupSize = alone ? 4 : Launch.GroupSize;
    }

    /// <summary>x, or 0 where x = −∞: the shift of a row without any allowed element.</summary>
    public static float Finite(float x) => float.IsNegativeInfinity(x) ? 0f : x;

    /// <summary>Groups for all runs.</summary>
    public KernelConfig Groups() => Launch.Groups((count + groupSize - 1) / groupSize, groupSize);

    /// <summary>The row of this work item's run, or −1 past the last run.</summary>
    public int Row() => Grid.GlobalIndex.X < count ? Grid.GlobalIndex.X / perRow : -1;

    /// <summary>The first element of the run in its row.</summary>
    public int Start() => Grid.GlobalIndex.X % perRow * length;

    /// <summary>One past its last.</summary>
    public int End(int v) => XMath.Min(v, Start() + length);
}
