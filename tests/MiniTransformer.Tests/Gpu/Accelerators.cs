using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using MiniTransformer.Backends.Gpu;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// The accelerators that kernels are tested on: ILGPU's own CPU accelerator, a thread a work item, for tiny sizes everywhere; OpenCL for
/// all sizes where there is such a device. Where a CUDA device is required (see <see cref="Required"/>), the tests on OpenCL run on that
/// instead.
/// </summary>
internal static class Accelerators
{
    public const string Threads = "threads", OpenCl = "OpenCL";

    private static readonly Lazy<Accelerator> ThreadsAccelerator = new(() =>
    {
        var context = Context.Create(b => GpuContext.ForKernels(b.CPU(new CPUDevice(4, 64, 1)))); // groups of 4 · 64 work items
        return context.GetCPUDevice(0).CreateAccelerator(context);
    });

    // Where there is no other device, ILGPU lists its own CPU device.
    private static readonly Lazy<Accelerator?> OpenClAccelerator = new(() =>
        OpenFirst() is { AcceleratorType: not AcceleratorType.CPU } found ? found : null);

    private static readonly Dictionary<(Accelerator, Type, bool Alone), object> Families = [];

    /// <summary>Why tests on OpenCL are skipped; null where they are not.</summary>
    public static string? OpenClAbsence =>
        OpenClAccelerator.Value is null && !Required.Has("opencl") && !Required.Has("cuda")
            ? "No OpenCL device that ILGPU can use (.ci/opencl COMMAND runs a command where there is one)."
            : null;

    /// <summary>Runs work on an accelerator, one caller at a time.</summary>
    public static void On(string name, Action<Accelerator> work)
    {
        Accelerator accelerator = name == Threads
            ? ThreadsAccelerator.Value
            : OpenClAccelerator.Value ?? throw new InvalidOperationException("No OpenCL device.");
        lock (Families)
        {
            accelerator.Bind();
            work(accelerator);
            accelerator.Synchronize();
        }
    }

    /// <summary>A family of kernels, compiled once for an accelerator.</summary>
    public static T Kernel<T>(this Accelerator accelerator, Func<Accelerator, T> compile)
        where T : class => accelerator.Kernel(false, (a, _) => compile(a));

    /// <summary>A family of kernels in one of its two forms, compiled once for an accelerator.</summary>
    public static T Kernel<T>(this Accelerator accelerator, bool alone, Func<Accelerator, bool, T> compile)
        where T : class
    {
        if (!Families.TryGetValue((accelerator, typeof(T), alone), out object? family))
        {
            Families.Add((accelerator, typeof(T), alone), family = compile(accelerator, alone));
        }
        return (T)family;
    }

    private static Accelerator? OpenFirst()
    {
        NativeLibraries.Resolve();
        try
        {
            var context = Context.Create(b => GpuContext.ForKernels(Required.Has("cuda") ? b.Cuda() : b.OpenCL()));
            return context.Devices.Length > 0 ? context.Devices[0].CreateAccelerator(context) : null;
        }
        catch (Exception e) when (e is DllNotFoundException or NotSupportedException or CLException or CudaException)
        {
            return null;
        }
    }
}

/// <summary>A fact about OpenCL: left out without a device, which <see cref="DevicesTests"/> says once, unless it is required.</summary>
[XunitTestCaseDiscoverer("MiniTransformer.Tests.Gpu." + nameof(OpenClFactDiscoverer), "MiniTransformer.Tests")]
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenClFactAttribute : FactAttribute;

/// <summary>A theory about OpenCL: left out without a device, unless it is required.</summary>
[XunitTestCaseDiscoverer("MiniTransformer.Tests.Gpu." + nameof(OpenClTheoryDiscoverer), "MiniTransformer.Tests")]
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenClTheoryAttribute : TheoryAttribute;

/// <summary>Finds the facts about OpenCL.</summary>
public sealed class OpenClFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    /// <inheritdoc/>
    public override IEnumerable<IXunitTestCase> Discover(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod,
        IAttributeInfo factAttribute) =>
        Accelerators.OpenClAbsence is null ? base.Discover(discoveryOptions, testMethod, factAttribute) : [];
}

/// <summary>Finds the theories about OpenCL.</summary>
public sealed class OpenClTheoryDiscoverer(IMessageSink messages) : TheoryDiscoverer(messages)
{
    /// <inheritdoc/>
    public override IEnumerable<IXunitTestCase> Discover(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod,
        IAttributeInfo theoryAttribute) =>
        Accelerators.OpenClAbsence is null ? base.Discover(discoveryOptions, testMethod, theoryAttribute) : [];
}
