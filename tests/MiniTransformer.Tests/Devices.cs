using System.Reflection;
using MiniTransformer.Backends;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MiniTransformer.Tests;

/// <summary>The devices that every claim about ops, modules and trainers is tested on.</summary>
internal static class Devices
{
    /// <summary>Their names; three threads split the work unevenly, and are more than a small machine has cores.</summary>
    public static IReadOnlyList<string> Names { get; } = ["CPU, 1 thread", "CPU, 3 threads"];

    /// <summary>Opens a device.</summary>
    public static Device Open(string name) =>
        TryOpen(name) ?? throw new InvalidOperationException($"{name}: this machine has no such device; mark the test [DeviceTheory].");

    /// <summary>Opens a device, or returns null if this machine lacks it.</summary>
    public static Device? TryOpen(string name) => name switch
    {
        "CPU, 1 thread" => Device.Cpu(1),
        "CPU, 3 threads" => Device.Cpu(3),
        _ => null,
    };
}

/// <summary>Gives a theory one row a device: the device's name comes first, then the given arguments.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class OnEveryDeviceAttribute(params object[] arguments) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => Devices.Names.Select(name => (object[])[name, .. arguments]);
}

/// <summary>A theory whose rows begin with a device's name. Rows of a device that this machine lacks are reported as skipped.</summary>
[XunitTestCaseDiscoverer("MiniTransformer.Tests." + nameof(DeviceTheoryDiscoverer), "MiniTransformer.Tests")]
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DeviceTheoryAttribute : TheoryAttribute;

/// <summary>Finds the rows of a <see cref="DeviceTheoryAttribute"/>.</summary>
public sealed class DeviceTheoryDiscoverer(IMessageSink messages) : TheoryDiscoverer(messages)
{
    private static readonly Dictionary<string, bool> Present = [];

    /// <inheritdoc/>
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute, object[] dataRow)
    {
        string name = (string)dataRow[0];
        return IsPresent(name)
            ? base.CreateTestCasesForDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow)
            : CreateTestCasesForSkippedDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow, $"{name}: this machine has no such device.");
    }

    private static bool IsPresent(string name)
    {
        lock (Present)
        {
            if (!Present.TryGetValue(name, out bool present))
            {
                using Device? device = Devices.TryOpen(name);
                Present.Add(name, present = device is not null);
            }

            return present;
        }
    }
}
