using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// ILGPU's context: the drivers that it could reach and their devices. A driver that is absent or broken is a reason on a list, never an
/// exception.
/// </summary>
public sealed class GpuContext : IDisposable
{
    private static readonly Lazy<GpuContext> SharedByAll = new(() => new GpuContext());

    private readonly Context context;
    private readonly List<(GpuDevice Device, ILGPU.Runtime.Device Handle)> devices = [];
    private readonly List<RefusedDevice> refused = [];

    /// <summary>Asks the drivers.</summary>
    public GpuContext()
    {
        NativeLibraries.Resolve();
        context = Create();
        int cuda = 0, openCl = 0;
        foreach (ILGPU.Runtime.Device device in context)
        {
            if (device is CudaDevice c)
            {
                string driver = $"CUDA {c.DriverVersion}, compute capability {c.Architecture}, {c.NumMultiprocessors} multiprocessors";
                devices.Add((new GpuDevice(GpuApi.Cuda, cuda++, c.Name.Trim(), c.MemorySize, driver, IsGpu: true), device));
            }
            else if (device is CLDevice o)
            {
                bool gpu = (o.DeviceType & CLDeviceType.CL_DEVICE_TYPE_GPU) != 0;
                string driver = $"{o.PlatformName.Trim()}, {o.CVersion}, {o.VendorName.Trim()}, {(gpu ? "GPU" : "computes on the CPU")}, "
                    + $"{o.NumMultiprocessors} units";
                devices.Add((new GpuDevice(GpuApi.OpenCl, openCl++, o.Name.Trim(), o.MemorySize, driver, gpu), device));
            }
        }
    }

    /// <summary>The context of this process: the drivers are asked once.</summary>
    public static GpuContext Shared => SharedByAll.Value;

    /// <summary>The devices, in the drivers' order.</summary>
    public IReadOnlyList<GpuDevice> Devices => [.. devices.Select(d => d.Device)];

    /// <summary>Drivers that could not be used, and why.</summary>
    public IReadOnlyList<RefusedDevice> Refused => refused;

    /// <summary>Opens a device.</summary>
    internal Accelerator Open(GpuDevice device) => devices.First(d => d.Device == device).Handle.CreateAccelerator(context);

    /// <inheritdoc/>
    public void Dispose() => context.Dispose();

    /// <summary>
    /// How kernels are compiled: with XMath, and at ILGPU's second level of optimisation, at which the product of 128×128 tiles takes 97
    /// registers of a GPU instead of 214, and attention 96 to 127 instead of 131 to 162, so that twice as many groups run at once.
    /// </summary>
    internal static Context.Builder ForKernels(Context.Builder builder) => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2);

    // Each driver in a context of its own first: one that throws must not hide the other.
    private Context Create()
    {
        bool cuda = Works("CUDA", "NVIDIA's driver (libcuda.so.1, nvcuda.dll) is not installed, or lists no device", b => b.Cuda());
        bool openCl = Works("OpenCL",
            "no OpenCL driver (libOpenCL.so.1, OpenCL.dll) is installed, or none with the generic address space, which ILGPU needs (PoCL "
                + "has it from version 6 on)", b => b.OpenCL());
        return Context.Create(b =>
        {
            if (cuda) b.Cuda();
            if (openCl) b.OpenCL();
            if (!cuda && !openCl) b.CPU();
            ForKernels(b);
        });
    }

    private bool Works(string driver, string whyNone, Action<Context.Builder> add)
    {
        try
        {
            using Context trial = Context.Create(add);
            // ILGPU adds its CPU device to an empty list
            if (trial.Devices.Any(device => device.AcceleratorType != AcceleratorType.CPU)) return true;
            refused.Add(new RefusedDevice(driver, whyNone));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            refused.Add(new RefusedDevice(driver, e.Message.Length > 0 ? e.Message : e.GetType().Name));
        }

        return false;
    }
}
