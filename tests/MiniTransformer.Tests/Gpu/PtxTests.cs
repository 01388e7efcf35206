using System.Reflection;
using MiniTransformer.Kernels.Gpu;
using Xunit.Abstractions;

namespace MiniTransformer.Tests.Gpu;

/// <summary>Every kernel, compiled for CUDA without a GPU.</summary>
/// <remarks>This shows that a driver would accept the kernels and what they use of a multiprocessor, not that they compute
/// rightly.</remarks>
public sealed class PtxTests(PtxTable table, ITestOutputHelper output) : IClassFixture<PtxTable>
{
    private static readonly IReadOnlyDictionary<string, MethodInfo> Kernels =
        EntryPoints.Of(typeof(Launch).Namespace!, typeof(Launch).Assembly);

    public static TheoryData<string> Names => [.. Kernels.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_kernel_compiles_to_PTX(string kernel)
    {
        foreach (string architecture in PtxCompiler.Architectures.Keys)
            Assert.Contains(".entry", table.Compile(Kernels[kernel], architecture));
    }

    // In products and attention a spilled register, or an array on the stack, costs more than all else that could be done better.
    [PtxTheory]
    [MemberData(nameof(Names))]
    public void A_kernel_assembles_and_products_and_attention_keep_their_numbers_in_registers(string kernel)
    {
        PtxUse?[] uses = [.. PtxCompiler.Architectures.Keys.Select(architecture =>
            Suits(kernel, architecture)
                ? PtxAssembler.Assemble(table.Compile(Kernels[kernel], architecture), architecture)
                : (PtxUse?)null)];
        output.WriteLine(table.Add(kernel, uses));
        foreach (PtxUse use in uses.OfType<PtxUse>())
        {
            Assert.InRange(use.SharedMemory, 0, 48 << 10);
            if (kernel.Contains("Gemm") || kernel.Contains("Attention"))
                Assert.Equal((0, 0, 0), (use.Stack, use.SpillStores, use.SpillLoads));
        }
    }

    // Turing's tensor cores know no TF32; Gemm asks for Ampere.
    private static bool Suits(string kernel, string architecture) => !kernel.Contains("TensorCores") || architecture != "sm_75";
}
