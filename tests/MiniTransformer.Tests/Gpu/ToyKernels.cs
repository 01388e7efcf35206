using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Pointwise;

// Kernels that the checks of kernels are checked with: one that is fine, and some that must be caught.
namespace MiniTransformer.Tests.Gpu.ToyKernels;

internal static class Toy
{
    public static void Fine(ArrayView<float> x, ArrayView<float> y)
    {
        int i = Grid.GlobalIndex.X;
        if (i < x.IntLength) y[i] = XMath.Sqrt(x[i]);
    }

    // An array that is indexed by what is only known on the device lies on the stack.
    public static void WithStack(ArrayView<int> x, ArrayView<float> y)
    {
        ArrayView<float> numbers = LocalMemory.Allocate1D<float>(32);
        for (int i = 0; i < 32; i++) numbers[x[i]] = y[i];
        for (int i = 0; i < 32; i++) y[i] = numbers[x[32 + i]];
    }

    // ILGPU lets it through, the assembler does not: a function that nobody defines.
    public static void Unresolved(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = MathF.FusedMultiplyAdd(x[0], x[1], x[2]);

    public static void NeverLaunched(ArrayView<float> x) => x[0] = 1f;

    public static IEnumerable<Action<KernelConfig, ArrayView<float>, ArrayView<float>>> Load(Accelerator accelerator)
    {
        yield return accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Fine);
        yield return accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Apply<Silu>);
        yield return accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Generic<Silu>.Kernel);
    }

    public static Action<KernelConfig, ArrayView<float>, ArrayView<float>> LoadGeneric<TOp>(Accelerator accelerator)
        where TOp : unmanaged, IBinaryOp => accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Fold<TOp>);

    public static void Apply<TOp>(ArrayView<float> x, ArrayView<float> y)
        where TOp : unmanaged, IUnaryOp => y[Group.IdxX] = TOp.Forward(x[Group.IdxX]);

    public static void Fold<TOp>(ArrayView<float> x, ArrayView<float> y)
        where TOp : unmanaged, IBinaryOp => y[Group.IdxX] = TOp.Forward(x[0], x[1]);
}

internal static class Generic<TOp>
    where TOp : unmanaged, IUnaryOp
{
    public static void Kernel(ArrayView<float> x, ArrayView<float> y) => y[Group.IdxX] = TOp.Derivative(x[0], x[1]);
}
