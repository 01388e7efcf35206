using Xunit.Abstractions;

namespace MiniTransformer.Tests.Runner;

/// <summary>The tests that run on a device have its name as their first argument: "cuda", "opencl", "CPU, 1 thread".</summary>
internal static class DeviceRow
{
    /// <summary>Whether a test is a row of this device.</summary>
    public static bool IsOf(ITestCase test, string device) =>
        test.TestMethodArguments is [string first, ..] && Devices.Names.Contains(first)
        && first.StartsWith(device, StringComparison.OrdinalIgnoreCase);
}
