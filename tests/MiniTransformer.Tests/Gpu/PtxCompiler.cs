using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using MiniTransformer.Backends.Gpu;

namespace MiniTransformer.Tests.Gpu;

/// <summary>Compiles kernels to PTX as a CUDA device would, without one.</summary>
internal sealed class PtxCompiler : IDisposable
{
    // ISA 8.0 is the first with sm_90, and the assembler of CUDA 12.4 knows those to 8.4.
    private static readonly CudaInstructionSet InstructionSet = CudaInstructionSet.ISA_80;

    private readonly Context context = Context.Create(builder => GpuContext.ForKernels(builder));
    private readonly Dictionary<string, PTXBackend> backends = [];

    /// <summary>Turing, Ampere and Hopper.</summary>
    public static IReadOnlyDictionary<string, CudaArchitecture> Architectures { get; } = new Dictionary<string, CudaArchitecture>
    {
        ["sm_75"] = CudaArchitecture.SM_75,
        ["sm_80"] = CudaArchitecture.SM_80,
        ["sm_90"] = CudaArchitecture.SM_90,
    };

    /// <summary>The PTX of an explicitly grouped kernel.</summary>
    public string Compile(MethodInfo kernel, string architecture)
    {
        if (!backends.TryGetValue(architecture, out PTXBackend? backend))
            backends.Add(architecture, backend = new PTXBackend(context, Architectures[architecture], InstructionSet, null!));
        return ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), default)).PTXAssembly;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PTXBackend backend in backends.Values) backend.Dispose();
        context.Dispose();
    }
}
