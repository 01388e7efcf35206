using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// How the work items of a row come to one result: a <see cref="RowTeam"/> on GPUs; <see cref="RowAlone"/> where a device computes on a
/// CPU, and a work item takes a whole row eight elements at a time. The order of additions depends on the team's size alone.
/// </summary>
internal interface IRowTeam
{
    /// <summary>The largest of the team's numbers.</summary>
    static abstract float Max(float value, int team);

    /// <summary>The sum of the team's numbers.</summary>
    static abstract float Sum(float value, int team);

    /// <summary>The sums of the team's numbers and of its counts.</summary>
    static abstract Compensated Sum(Compensated value, float count, int team, out float counts);

    /// <summary>The sum of the numbers of the work items before this one, added in their order, and that of all.</summary>
    static abstract Compensated Before(Compensated value, int team, out Compensated total);
}

/// <summary>A team of one.</summary>
internal readonly struct RowAlone : IRowTeam
{
    public static float Max(float value, int team) => value;

    public static float Sum(float value, int team) => value;

    public static Compensated Sum(Compensated value, float count, int team, out float counts)
    {
        counts = count;
        return value;
    }

    public static Compensated Before(Compensated value, int team, out Compensated total)
    {
        total = value;
        return new Compensated(0f, 0f);
    }
}

/// <summary>
/// Teams of a power of two of neighbouring work items; a group holds one or several. All of the group must make each call. Every work item
/// goes through the numbers of its team itself: no tree, and so no barrier within a loop, around which a compiler for a CPU has to build
/// far more code.
/// </summary>
internal readonly struct RowTeam : IRowTeam
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float value, int team)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Launch.GroupSize);
        shared[Group.IdxX] = value;
        Group.Barrier();
        float max = value;
        for (int first = Group.IdxX / team * team, j = first; j < first + team; j++) max = Lanes.Larger(max, shared[j]);
        Group.Barrier(); // all have read before a next call writes
        return max;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value, int team)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Launch.GroupSize);
        shared[Group.IdxX] = value;
        Group.Barrier();
        float sum = 0f;
        for (int first = Group.IdxX / team * team, j = first; j < first + team; j++) sum += shared[j];
        Group.Barrier();
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Compensated Before(Compensated value, int team, out Compensated total)
    {
        ArrayView<float> high = SharedMemory.Allocate<float>(Launch.GroupSize), low = SharedMemory.Allocate<float>(Launch.GroupSize);
        int i = Group.IdxX, first = i / team * team;
        high[i] = value.High;
        low[i] = value.Low;
        Group.Barrier();
        Compensated sum = new(0f, 0f), before = sum;
        for (int j = first; j < first + team; j++)
        {
            before = j == i ? sum : before;
            sum = sum.Plus(new Compensated(high[j], low[j]));
        }

        Group.Barrier();
        total = sum;
        return before;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Compensated Sum(Compensated value, float count, int team, out float counts)
    {
        ArrayView<float> high = SharedMemory.Allocate<float>(Launch.GroupSize), low = SharedMemory.Allocate<float>(Launch.GroupSize);
        ArrayView<float> shared = SharedMemory.Allocate<float>(Launch.GroupSize);
        int i = Group.IdxX, first = i / team * team;
        high[i] = value.High;
        low[i] = value.Low;
        shared[i] = count;
        Group.Barrier();
        Compensated sum = new(0f, 0f);
        counts = 0f;
        for (int j = first; j < first + team; j++)
        {
            sum = sum.Plus(new Compensated(high[j], low[j]));
            counts += shared[j];
        }

        Group.Barrier();
        return sum;
    }
}

/// <summary>
/// Which rows a work item works on: teams of work items take a row each, and of a row every team-th run of eight elements.
/// </summary>
internal static class RowLayout
{
    /// <summary>Rows of a group of single work items.</summary>
    private const int RowsAlone = 4;

    /// <summary>Whether the accelerator computes on a CPU.</summary>
    public static bool OnCpu(Accelerator accelerator) => accelerator is CLAccelerator { DeviceType: CLDeviceType.CL_DEVICE_TYPE_CPU };

    /// <summary>Work items of a row: one for each eight elements, a power of two from 4 to 256.</summary>
    public static int Team(int V, bool alone)
    {
        if (alone) return 1;
        int team = 4;
        while (team < Launch.GroupSize && team * 8 < V) team *= 2;
        return team;
    }

    /// <summary>Groups for all rows.</summary>
    public static KernelConfig Groups(int rows, int team, bool alone)
    {
        int size = alone ? RowsAlone : Launch.GroupSize, each = size / team;
        return Launch.Groups((rows + each - 1) / each, size);
    }

    /// <summary>The row of this work item's team; may lie past the last.</summary>
    public static int Row(int team) => Grid.IdxX * (Group.DimX / team) + Group.IdxX / team;
}
