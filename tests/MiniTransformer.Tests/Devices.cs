using System.Reflection;
using MiniTransformer.Backends;
using MiniTransformer.Tests.Gpu;
using MiniTransformer.Tests.Kernels;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MiniTransformer.Tests;

/// <summary>The devices that every claim about ops, modules and trainers is tested on.</summary>
internal static class Devices
{
    private static readonly Dictionary<string, (Device? Device, string Reason)> Drivers = [];

    /// <summary>Their names; three threads split the work unevenly, and are more than a small machine has cores.</summary>
    public static IReadOnlyList<string> Names { get; } = ["CPU, 1 thread", "CPU, 3 threads", "opencl", "cuda"];

    /// <summary>Opens a device.</summary>
    public static Device Open(string name) => name switch
    {
        "CPU, 1 thread" => Device.Cpu(1),
        "CPU, 3 threads" => Device.Cpu(3),
        _ when WhyAbsent(name) is { } reason => throw new InvalidOperationException($"{reason} Mark the test [DeviceTheory]."),
        _ => Device.Open(name),
    };

    /// <summary>A device that computes the same bits as the named one, on the CPU with three threads.</summary>
    public static Device OpenSibling(string name) => Open(Sibling(name));

    /// <summary>Its name.</summary>
    public static string Sibling(string name) => IsCpu(name) ? "CPU, 3 threads" : name;

    /// <summary>
    /// Asserts that two ways to compute the same, such as one token against a cache and within its sequence, agree: on the CPU to the last
    /// bit, on a GPU, whose kernels for one row add in another order, to some float roundings of numbers near 1.
    /// </summary>
    public static void Agree(string name, ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        if (IsCpu(name)) Operand.Identical(expected, actual);
        else Operand.Close(Operand.Doubles(expected.ToArray()), actual.ToArray(), 2e-5);
    }

    /// <summary>Whether it is the CPU.</summary>
    public static bool IsCpu(string name) => name.StartsWith("CPU", StringComparison.Ordinal);

    /// <summary>Why this machine lacks a device, or null if it has it.</summary>
    public static string? WhyAbsent(string name)
    {
        if (IsCpu(name)) return null;
        lock (Drivers)
        {
            if (!Drivers.TryGetValue(name, out (Device? Device, string Reason) found))
            {
                // Kept open to the end: the tests share its compiled kernels.
                try
                {
                    Device kept = Device.Open(name);
                    found = (kept, "");

                    // Closing waits for work under way: a driver that still compiles a kernel while its libraries are unloaded crashes.
                    AppDomain.CurrentDomain.ProcessExit += (_, _) => kept.Dispose();
                }
                catch (DeviceException e)
                {
                    found = (null, e.Message);
                }

                Drivers.Add(name, found);
            }

            return found.Device is null ? found.Reason : null;
        }
    }
}

/// <summary>Gives a theory one row a device: the device's name comes first, then the given arguments.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class OnEveryDeviceAttribute(params object[] arguments) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => Devices.Names.Select(name => (object[])[name, .. arguments]);
}

/// <summary>
/// A theory whose rows begin with a device's name. Rows of a device that this machine lacks are left out, which <see cref="DevicesTests"/>
/// says once, or fail where it is <see cref="Required"/>.
/// </summary>
[XunitTestCaseDiscoverer("MiniTransformer.Tests." + nameof(DeviceTheoryDiscoverer), "MiniTransformer.Tests")]
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DeviceTheoryAttribute : TheoryAttribute;

/// <summary>Finds the rows of a <see cref="DeviceTheoryAttribute"/>.</summary>
public sealed class DeviceTheoryDiscoverer(IMessageSink messages) : TheoryDiscoverer(messages)
{
    private bool leftOut;

    /// <inheritdoc/>
    public override IEnumerable<IXunitTestCase> Discover(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod,
        IAttributeInfo theoryAttribute)
    {
        leftOut = false;
        IXunitTestCase[] cases = [.. base.Discover(discoveryOptions, testMethod, theoryAttribute)];
        return leftOut && cases is [ExecutionErrorTestCase] ? [] : cases; // of absent devices alone: no row is left, which is no error
    }

    /// <inheritdoc/>
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute, object[] dataRow)
    {
        bool present = Required.Has((string)dataRow[0]) || Devices.WhyAbsent((string)dataRow[0]) is null;
        leftOut |= !present;
        return present ? base.CreateTestCasesForDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow) : [];
    }
}

/// <summary>A fact that is skipped where a device is absent, with the reason.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class EveryDeviceFactAttribute : FactAttribute
{
    public EveryDeviceFactAttribute()
    {
        string[] absent = [.. Devices.Names.Where(name => !Required.Has(name)).Select(name => (name, Why: Devices.WhyAbsent(name)))
            .Where(d => d.Why is not null).Select(d => d.name)];
        if (absent.Length > 0) Skip = $"What is claimed of {string.Join(" and ", absent)} is not tested: this machine has none.";
    }
}

public class DevicesTests
{
    [EveryDeviceFact]
    public void Every_device_is_there() => Assert.All(Devices.Names, name => Assert.Null(Devices.WhyAbsent(name)));
}
