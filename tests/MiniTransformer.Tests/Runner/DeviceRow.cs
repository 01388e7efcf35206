using MiniTransformer.Tests.Gpu;
using Xunit.Abstractions;

namespace MiniTransformer.Tests.Runner;

/// <summary>
/// The tests of a device: those that have its name as their first argument ("cuda", "opencl", "CPU, 1 thread"), and for CUDA and OpenCL
/// those of single kernels.
/// </summary>
internal static class DeviceRow
{
    /// <summary>Whether a test is one of this device.</summary>
    public static bool IsOf(ITestCase test, string device) =>
        test.TestMethodArguments is [string first, ..] && Devices.Names.Contains(first)
            ? first.StartsWith(device, StringComparison.OrdinalIgnoreCase)
            : device != "cpu" && (Has<OpenClFactAttribute>(test) || Has<OpenClTheoryAttribute>(test));

    private static bool Has<T>(ITestCase test) => test.TestMethod.Method.GetCustomAttributes(typeof(T).AssemblyQualifiedName).Any();
}
