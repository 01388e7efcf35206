namespace MiniTransformer.Backends.Gpu;

/// <summary>Through which driver a device is reached.</summary>
public enum GpuApi
{
    /// <summary>NVIDIA's driver.</summary>
    Cuda,

    /// <summary>Any vendor's OpenCL driver.</summary>
    OpenCl,
}

/// <summary>A device that a driver lists.</summary>
/// <param name="Api">The driver's kind.</param>
/// <param name="Index">Its number among the devices of that kind.</param>
/// <param name="Name">The vendor's name for it.</param>
/// <param name="Memory">Its memory in bytes.</param>
/// <param name="Driver">The driver's version, and what it can do.</param>
/// <param name="IsGpu">False for an OpenCL driver that computes on the CPU.</param>
public sealed record GpuDevice(GpuApi Api, int Index, string Name, long Memory, string Driver, bool IsGpu)
{
    /// <summary>What <c>--device</c> calls it, such as "cuda:0".</summary>
    public string Specification => $"{(Api == GpuApi.Cuda ? "cuda" : "opencl")}:{Index}";
}

/// <summary>A driver or a device that cannot be used.</summary>
/// <param name="Name">Which.</param>
/// <param name="Reason">Why.</param>
public sealed record RefusedDevice(string Name, string Reason);
