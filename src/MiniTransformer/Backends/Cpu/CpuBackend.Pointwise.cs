using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Backends.Cpu;

/// <summary>Pointwise functions and sums.</summary>
internal sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Fill(Storage x, float value) => workers.Run(new Fill(P(x), value), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Map<TOp>(Storage x, Storage y)
        where TOp : unmanaged, IUnaryOp => workers.Run(new Map<TOp>(P(x), P(y), x.Length), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void MapBackward<TOp>(Storage x, Storage y, Storage dy, Storage dx)
        where TOp : unmanaged, IUnaryOp => workers.Run(new MapBackward<TOp>(P(x), P(y), P(dy), P(dx)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Zip<TOp>(Storage a, Storage b, Storage y)
        where TOp : unmanaged, IBinaryOp => workers.Run(new Zip<TOp>(P(a), P(b), P(y)), a.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void ZipBackward<TOp>(Storage a, Storage b, Storage dy, Storage da, Storage db)
        where TOp : unmanaged, IBinaryOp => workers.Run(new ZipBackward<TOp>(P(a), P(b), P(dy), P(da), P(db)), a.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Scale(Storage x, float alpha, Storage y) => workers.Run(new Scale(P(x), alpha, P(y)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void AddScaled(Storage x, float alpha, Storage y) => workers.Run(new AddScaled(P(x), alpha, P(y)), x.Length, PointwiseGrain);

    /// <inheritdoc/>
    public void Dot(Storage a, Storage b, Storage y)
    {
        int chunks = Partials(a.Length);
        workers.Run(new Dot(P(a), P(b), a.Length, partials), chunks);
        *P(y) = (float)SumOfPartials(chunks);
    }

    /// <inheritdoc/>
    public void DotBackward(Storage dy, float alpha, Storage w, Storage dx)
    {
        float scale = *P(dy) * alpha;
        if (!w.IsNone) AddScaled(w, scale, dx);
        else
        {
            float* p = P(dx);
            for (int i = 0; i < dx.Length; i++) p[i] += scale;
        }
    }

    /// <inheritdoc/>
    public double SquaredNorm(IReadOnlyList<Storage> x)
    {
        double sum = 0;
        for (int i = 0; i < x.Count; i++)
        {
            int chunks = Partials(x[i].Length);
            workers.Run(new SquaredNorm(P(x[i]), x[i].Length, partials), chunks);
            sum += SumOfPartials(chunks);
        }

        return sum;
    }

    /// <inheritdoc/>
    public void AdamW(Storage parameter, Storage gradient, Storage m, Storage v, in AdamWStep s) =>
        workers.Run(
            new AdamW(P(parameter), P(gradient), P(m), P(v), s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.Decay, s.GradientScale,
                s.Correction1, s.Correction2),
            parameter.Length, PointwiseGrain);
}
