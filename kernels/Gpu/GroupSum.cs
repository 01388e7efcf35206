using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// Sums, and maxima, over the work items of a group, as a tree in shared memory: the order of the additions depends on the group's size
/// alone, so the result has the same bits in every run. (ILGPU's own group reductions use atomics on some devices.) The group's size is a
/// power of two of at most 256; every work item of the group must make the call, and all get the sum.
/// </summary>
internal static class GroupSum
{
    /// <summary>Σ over the group.</summary>
    public static float Of(float value)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Launch.GroupSize);
        int i = Group.IdxX;
        shared[i] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half) shared[i] += shared[i + half];
            Group.Barrier();
        }

        float sum = shared[0];
        Group.Barrier(); // all have read before a next call writes
        return sum;
    }

    /// <summary>The largest over the group; a NaN among them may be lost.</summary>
    public static float Max(float value)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Launch.GroupSize);
        int i = Group.IdxX;
        shared[i] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half) shared[i] = Lanes.Larger(shared[i], shared[i + half]);
            Group.Barrier();
        }

        float max = shared[0];
        Group.Barrier();
        return max;
    }

    /// <summary>Σ over the group of numbers kept in two floats.</summary>
    public static Compensated Of(Compensated value)
    {
        ArrayView<float> high = SharedMemory.Allocate<float>(Launch.GroupSize), low = SharedMemory.Allocate<float>(Launch.GroupSize);
        int i = Group.IdxX;
        high[i] = value.High;
        low[i] = value.Low;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half)
            {
                Compensated sum = new Compensated(high[i], low[i]).Plus(new Compensated(high[i + half], low[i + half]));
                high[i] = sum.High;
                low[i] = sum.Low;
            }

            Group.Barrier();
        }

        var total = new Compensated(high[0], low[0]);
        Group.Barrier();
        return total;
    }
}
