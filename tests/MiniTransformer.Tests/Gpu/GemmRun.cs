using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Gpu;

/// <summary>One product on an accelerator, with operands that begin anywhere in their buffers and guards around C.</summary>
internal static class GemmRun
{
    private const int Guard = 64;
    private const float Untouched = 12345f;

    // Kernels are compiled once an accelerator.
    private static readonly Dictionary<Accelerator, Gemm> Compiled = [];

    /// <summary>Runs work on an accelerator with its products.</summary>
    public static void On(string device, Action<Accelerator, Gemm> work) => Accelerators.On(device, accelerator =>
    {
        Gemm? gemm;
        lock (Compiled)
        {
            if (!Compiled.TryGetValue(accelerator, out gemm)) Compiled.Add(accelerator, gemm = new Gemm(accelerator));
        }

        work(accelerator, gemm);
    });

    /// <summary>C as a variant computes it, from C₀ if accumulating; offsets are floats from an aligned address.</summary>
    public static float[] Multiply(Accelerator accelerator, Gemm gemm, GemmVariant variant, GemmSample s, int offsetA = 0, int offsetB = 0,
        int offsetC = 0) =>
        Multiply<Float32>(accelerator, gemm, variant, s, s.B, offsetA, offsetB, offsetC);

    /// <summary>The same with B of another type, given in 32-bit words.</summary>
    public static float[] Multiply<TElement>(
        Accelerator accelerator, Gemm gemm, GemmVariant variant, GemmSample s, float[] words, int offsetA = 0, int offsetB = 0,
        int offsetC = 0)
        where TElement : struct, IElement
    {
        float[] start = s.Accumulate ? s.C0 : [.. Enumerable.Repeat(float.NaN, s.C0.Length)];
        using MemoryBuffer1D<float, Stride1D.Dense> a = Place(accelerator, s.A, offsetA), b = Place(accelerator, words, offsetB),
            c = Place(accelerator, start, offsetC);
        using MemoryBuffer1D<float, Stride1D.Dense> scratch =
            accelerator.Allocate1D(Enumerable.Repeat(float.NaN, (int)gemm.ScratchLength(variant, s.Form, s.M, s.N, s.K) + 1).ToArray());
        gemm.Multiply<TElement>(
            variant, accelerator.DefaultStream, s.Form, Part(a, offsetA, s.A.Length), Part(b, offsetB, words.Length),
            Part(c, offsetC, start.Length),
            s.M, s.N, s.K, s.Accumulate, ((ArrayView<float>)scratch.View).SubView(0, scratch.Length - 1));
        accelerator.DefaultStream.Synchronize();
        float[] all = c.GetAsArray1D();
        Assert.All(all[..(Guard + offsetC)], x => Assert.Equal(Untouched, x));
        Assert.All(all[(Guard + offsetC + start.Length)..], x => Assert.Equal(Untouched, x));
        Assert.True(float.IsNaN(scratch.GetAsArray1D()[^1]), "The product wrote past the scratch memory it had asked for.");
        return all[(Guard + offsetC)..(Guard + offsetC + start.Length)];
    }

    private static MemoryBuffer1D<float, Stride1D.Dense> Place(Accelerator accelerator, float[] values, int offset)
    {
        float[] all = new float[values.Length + (2 * Guard) + offset];
        Array.Fill(all, Untouched);
        values.CopyTo(all, Guard + offset);
        return accelerator.Allocate1D(all);
    }

    private static ArrayView<float> Part(MemoryBuffer1D<float, Stride1D.Dense> buffer, int offset, int length) =>
        ((ArrayView<float>)buffer.View).SubView(Guard + offset, length);
}
