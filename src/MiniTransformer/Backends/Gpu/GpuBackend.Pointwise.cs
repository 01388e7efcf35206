using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Backends.Gpu;

/// <summary>Pointwise functions and sums.</summary>
internal sealed partial class GpuBackend
{
    /// <inheritdoc/>
    public void Fill(Storage x, float value)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Fill(a)).Run(F(x), value);
    }

    /// <inheritdoc/>
    public void Map<TOp>(Storage x, Storage y)
        where TOp : unmanaged, IUnaryOp
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Map<TOp>(a)).Run(F(x), F(y));
    }

    /// <inheritdoc/>
    public void MapBackward<TOp>(Storage x, Storage y, Storage dy, Storage dx)
        where TOp : unmanaged, IUnaryOp
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new MapBackward<TOp>(a)).Run(F(x), F(y), F(dy), F(dx));
    }

    /// <inheritdoc/>
    public void Zip<TOp>(Storage a, Storage b, Storage y)
        where TOp : unmanaged, IBinaryOp
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Zip<TOp>(a)).Run(F(a), F(b), F(y));
    }

    /// <inheritdoc/>
    public void ZipBackward<TOp>(Storage a, Storage b, Storage dy, Storage da, Storage db)
        where TOp : unmanaged, IBinaryOp
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new ZipBackward<TOp>(a)).Run(F(a), F(b), F(dy), Optional(da), Optional(db));
    }

    /// <inheritdoc/>
    public void Scale(Storage x, float alpha, Storage y)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Scale(a)).Run(F(x), alpha, F(y));
    }

    /// <inheritdoc/>
    public void AddScaled(Storage x, float alpha, Storage y)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new AddScaled(a)).Run(F(x), alpha, F(y));
    }

    /// <inheritdoc/>
    public void Dot(Storage a, Storage b, Storage y)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new Dot(a)).Run(F(a), Optional(b), machine.Scratch(Kernels.Gpu.Dot.ScratchLength), F(y));
    }

    /// <inheritdoc/>
    public void DotBackward(Storage dy, float alpha, Storage w, Storage dx)
    {
        using GpuMachine.Turn turn = machine.Enter();
        Kernel(static a => new DotBackward(a)).Run(F(dy), alpha, Optional(w), F(dx));
    }

    /// <inheritdoc/>
    public double SquaredNorm(IReadOnlyList<Storage> x)
    {
        using GpuMachine.Turn turn = machine.Enter();
        const int Pair = 2; // each sum comes back as two floats, high + low
        int partials = Kernels.Gpu.Dot.ScratchLength;
        var scratch = machine.Scratch(partials + Pair * x.Count);
        for (int i = 0; i < x.Count; i++)
            Kernel(static a => new Dot(a)).Run(F(x[i]), F(x[i]), scratch.SubView(0, partials), scratch.SubView(partials + Pair * i, Pair));

        Span<float> sums = Pair * x.Count <= 512 ? stackalloc float[Pair * x.Count] : new float[Pair * x.Count];
        machine.Download(scratch.SubView(partials, sums.Length), System.Runtime.InteropServices.MemoryMarshal.AsBytes(sums));
        double total = 0;
        for (int i = 0; i < x.Count; i++) total += (double)sums[Pair * i] + sums[Pair * i + 1];
        return total;
    }

    /// <inheritdoc/>
    public void AdamW(Storage parameter, Storage gradient, Storage m, Storage v, in AdamWStep s)
    {
        using GpuMachine.Turn turn = machine.Enter();
        var numbers = new AdamWNumbers(s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.Decay, s.GradientScale, s.Correction1, s.Correction2);
        Kernel(static a => new AdamW(a)).Run(F(parameter), F(gradient), F(m), F(v), numbers);
    }
}
