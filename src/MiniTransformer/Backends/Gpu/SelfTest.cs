using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// A calculation with a known result, made when a device is opened: some drivers compute wrongly, and it is better to hear that at once
/// than to read it out of a loss that does not fall.
/// </summary>
internal static class SelfTest
{
    private const int Rows = 7, Columns = 300;

    // A relative error of some float roundings and of the approximate exponentials and logarithms of GPUs.
    private const double Tolerance = 1e-4;

    /// <summary>Computes it and compares.</summary>
    /// <exception cref="DeviceException">The device computes wrongly.</exception>
    public static void Check(GpuMachine machine)
    {
        CheckLimits(machine);
        var x = new float[Rows * Columns];
        for (int i = 0; i < x.Length; i++) x[i] = (i * 37 % 101 - 50) / 10f;
        float[] expected = [.. Enumerable.Range(0, Rows).Select(r => Probe.Expected(x.AsSpan(r * Columns, Columns)))],
            actual = new float[Rows];

        using GpuMachine.Turn turn = machine.Enter();
        using MemoryBuffer1D<float, ILGPU.Stride1D.Dense> input = machine.Accelerator.Allocate1D(x),
            output = machine.Accelerator.Allocate1D<float>(Rows);
        machine.Kernel(static a => new Probe(a)).Run(input.View, output.View, Rows, Columns);
        output.View.CopyToCPU(actual);

        Compare(machine.Device, expected, actual);
    }

    // What kernels take for granted: groups of 256 work items, and the shared memory of attention's tiles.
    private static void CheckLimits(GpuMachine machine)
    {
        Accelerator accelerator = machine.Accelerator;
        if (accelerator.MaxNumThreadsPerGroup >= Launch.GroupSize && accelerator.MaxSharedMemoryPerGroup >= Launch.SharedBytes) return;
        throw new DeviceException(
            $"{machine.Device.Specification} ({machine.Device.Name}) allows groups of {accelerator.MaxNumThreadsPerGroup} work items and "
                + $"{accelerator.MaxSharedMemoryPerGroup} bytes of shared memory; " +
            $"{Launch.GroupSize} and {Launch.SharedBytes} are needed.");
    }

    /// <summary>Throws where a device's result is wrong.</summary>
    /// <exception cref="DeviceException">It is.</exception>
    internal static void Compare(GpuDevice device, float[] expected, float[] actual)
    {
        for (int r = 0; r < expected.Length; r++)
        {
            if (Math.Abs(actual[r] - expected[r]) <= Tolerance * Math.Abs(expected[r])) continue;
            throw new DeviceException($"{device.Specification} ({device.Name}) computes wrongly: "
                + FormattableString.Invariant($"row {r} of its self-test gave {actual[r]:G9} instead of {expected[r]:G9}. ")
                + "Update its driver, or use another device.");
        }
    }
}
