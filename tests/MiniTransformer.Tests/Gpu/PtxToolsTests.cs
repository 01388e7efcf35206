using System.Reflection;
using MiniTransformer.Kernels.Pointwise;
using MiniTransformer.Tests.Gpu.ToyKernels;

namespace MiniTransformer.Tests.Gpu;

/// <summary>The checks of the CUDA kernels find what they are there to find.</summary>
public sealed class PtxToolsTests : IDisposable
{
    private readonly PtxCompiler compiler = new();

    [Fact]
    public void Entry_points_are_what_is_made_a_delegate_once_for_each_struct_that_fits()
    {
        IEnumerable<string> binary = typeof(IBinaryOp).Assembly.GetTypes()
            .Where(type => type.IsValueType && typeof(IBinaryOp).IsAssignableFrom(type)).Select(type => type.Name);
        string[] expected = ["Generic<Silu>.Kernel", "Toy.Apply<Silu>", "Toy.Fine", .. binary.Select(name => $"Toy.Fold<{name}>")];
        Assert.Equal(expected.Order(StringComparer.Ordinal), EntryPoints.Of(typeof(Toy).Namespace!, typeof(Toy).Assembly).Keys);
    }

    [Fact]
    public void Generic_entry_points_compile_to_PTX()
    {
        foreach (MethodInfo kernel in EntryPoints.Of(typeof(Toy).Namespace!, typeof(Toy).Assembly).Values)
            Assert.Contains(".entry", compiler.Compile(kernel, "sm_80"));
    }

    [PtxFact]
    public void A_plain_kernel_needs_no_stack_on_any_architecture()
    {
        foreach (string architecture in PtxCompiler.Architectures.Keys)
        {
            PtxUse use = PtxAssembler.Assemble(compiler.Compile(Kernel(nameof(Toy.Fine)), architecture), architecture);
            Assert.Equal((0, 0, 0), (use.Stack, use.SpillStores, use.SpillLoads));
            Assert.InRange(use.Registers, 4, 32);
        }
    }

    [PtxFact]
    public void An_array_on_the_stack_is_seen()
    {
        PtxUse use = PtxAssembler.Assemble(compiler.Compile(Kernel(nameof(Toy.WithStack)), "sm_90"), "sm_90");
        Assert.Equal(32 * sizeof(float), use.Stack);
    }

    [PtxFact]
    public void A_function_that_nobody_defines_is_refused()
    {
        string ptx = compiler.Compile(Kernel(nameof(Toy.Unresolved)), "sm_80");
        Assert.Contains("ptxas refuses it", Assert.Throws<InvalidOperationException>(() => PtxAssembler.Assemble(ptx, "sm_80")).Message);
    }

    public void Dispose() => compiler.Dispose();

    private static MethodInfo Kernel(string name) => typeof(Toy).GetMethod(name)!;
}
