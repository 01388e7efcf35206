using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>How many groups of how many work items a kernel is started with.</summary>
internal static class Launch
{
    /// <summary>
    /// Work items of a group where a kernel has no reason for another number, and the most that any has; a device that allows fewer is
    /// refused.
    /// </summary>
    public const int GroupSize = 256;

    /// <summary>The most shared memory that a group takes, in bytes; a device that has less is refused.</summary>
    public const int SharedBytes = 32 << 10;

    /// <summary>One work item for each of n elements; the kernel ignores those past the end.</summary>
    public static KernelConfig Items(long n) => Groups(Math.Max(1, (n + GroupSize - 1) / GroupSize), GroupSize);

    /// <summary>
    /// One group for each of some rows, with about a quarter as many work items as the row has elements: a power of two from 32 to 256.
    /// </summary>
    public static KernelConfig Rows(long rows, int rowLength)
    {
        int size = 32;
        while (size < GroupSize && size * 4 < rowLength) size *= 2;
        return Groups(rows, size);
    }

    /// <summary>Some groups of a given size.</summary>
    public static KernelConfig Groups(long groups, int size) => new(checked((int)groups), size);
}
