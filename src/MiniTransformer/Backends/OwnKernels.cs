using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Backends.Cpu;
using MiniTransformer.Backends.Gpu;

namespace MiniTransformer.Backends;

/// <summary>
/// For an own op that the verbs of <see cref="IBackend"/>, with one's own <see cref="Kernels.Pointwise.IUnaryOp"/> and
/// <see cref="Kernels.Pointwise.IBinaryOp"/> structs, cannot express: the device's memory itself, and own kernels on it.
/// </summary>
public static class OwnKernels
{
    /// <summary>Runs an own kernel where the backend computes: the CPU's form, or the ILGPU form; a dry run computes nothing.</summary>
    /// <param name="backend">The backend that the op runs on.</param>
    /// <param name="cpu">Computes on the storages' <see cref="Span"/>.</param>
    /// <param name="compile">
    /// Loads the kernels, such as <c>accelerator.LoadAutoGroupedStreamKernel&lt;Index1D, ArrayView&lt;float&gt;&gt;(Kernel)</c>; called
    /// once a device and kept, by its result's type.
    /// </param>
    /// <param name="start">Starts them on the storages' <see cref="View"/>; work is done in the order in which it was started.</param>
    public static void Run<TKernels>(this IBackend backend, Action cpu, Func<Accelerator, TKernels> compile, Action<TKernels> start)
        where TKernels : class
    {
        if (backend is CpuBackend) cpu();
        else if (backend is GpuBackend gpu) gpu.Run(compile, start);
    }

    /// <summary>Runs an own kernel that is written for the CPU alone.</summary>
    /// <param name="backend">The backend that the op runs on.</param>
    /// <param name="op">The op's name, for the error.</param>
    /// <param name="cpu">Computes on the storages' <see cref="Span"/>.</param>
    /// <exception cref="NotSupportedException">The backend is no CPU's.</exception>
    public static void Run(this IBackend backend, string op, Action cpu)
    {
        if (backend is GpuBackend)
            throw new NotSupportedException(
                $"{op} has a kernel for the CPU alone, and {backend.Name} was asked; use Device.Cpu(), or give Run(...) an ILGPU kernel "
                    + "too.");
        if (backend is CpuBackend) cpu();
    }

    /// <summary>The elements in the CPU's memory; valid as long as the step.</summary>
    /// <exception cref="InvalidOperationException">They lie on another device, or are no float32.</exception>
    public static unsafe Span<float> Span(this Storage storage) => storage is { Buffer: CpuBuffer cpu, Type: ElementType.F32 }
        ? new Span<float>(cpu.Pointer + storage.Offset, storage.Length)
        : throw new InvalidOperationException(
            "Span: the storage holds no float32 in the CPU's memory; View() is an ILGPU device's, and backend.Download(...) copies from "
                + "any.");

    /// <summary>The elements in the memory of an ILGPU device.</summary>
    /// <exception cref="InvalidOperationException">They lie on another device, or are no float32.</exception>
    public static ArrayView<float> View(this Storage storage) => storage is { Buffer: GpuBuffer gpu, Type: ElementType.F32 }
        ? gpu.View.SubView(storage.Offset, storage.Length)
        : throw new InvalidOperationException("View: the storage holds no float32 on an ILGPU device; Span() is the CPU's.");
}
