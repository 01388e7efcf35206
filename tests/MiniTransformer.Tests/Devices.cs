using System.Reflection;
using MiniTransformer.Backends;
using Xunit.Sdk;

namespace MiniTransformer.Tests;

/// <summary>The devices that every claim about ops, modules and trainers is tested on.</summary>
internal static class Devices
{
    /// <summary>Their names; three threads split the work unevenly, and are more than a small machine has cores.</summary>
    public static IReadOnlyList<string> Names { get; } = ["CPU, 1 thread", "CPU, 3 threads"];

    /// <summary>Opens a device; the test that asks for one that this machine lacks is reported as skipped.</summary>
    public static Device Open(string name) => name switch
    {
        "CPU, 1 thread" => Device.Cpu(1),
        "CPU, 3 threads" => Device.Cpu(3),
        _ => throw SkipException.ForSkip($"{name}: this machine has no such device."),
    };
}

/// <summary>Runs a theory once on each device: the device's name comes first, then the given arguments.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class OnEveryDeviceAttribute(params object[] arguments) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => Devices.Names.Select(name => (object[])[name, .. arguments]);
}
