using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace MiniTransformer.Backends.Gpu;

/// <summary>
/// Finds the drivers' libraries under the names that machines without development packages have them: ILGPU asks for "OpenCL" and "cuda",
/// .NET tries libOpenCL.so and libcuda.so, and what is installed is libOpenCL.so.1 and libcuda.so.1.
/// </summary>
internal static class NativeLibraries
{
    private static readonly Dictionary<string, string[]> Names = new()
    {
        ["OpenCL"] = ["libOpenCL.so.1"],
        ["cuda"] = ["libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
    };

    private static int subscribed;

    /// <summary>Lets ILGPU find them; needed once, before its first context.</summary>
    public static void Resolve()
    {
        if (Interlocked.Exchange(ref subscribed, 1) == 0) AssemblyLoadContext.Default.ResolvingUnmanagedDll += Load;
    }

    private static IntPtr Load(Assembly assembly, string name)
    {
        if (!OperatingSystem.IsLinux() || !Names.TryGetValue(Path.GetFileNameWithoutExtension(name), out string[]? candidates))
        {
            return IntPtr.Zero;
        }
        foreach (string candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out IntPtr handle)) return handle;
        }

        return IntPtr.Zero;
    }
}
