using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// ⟨a, b⟩ = Σ aᵢ bᵢ, or Σ aᵢ when b is null, in double precision: partials[c] is the sum over chunk c of
/// <see cref="ChunkSize"/> elements, and the caller adds the partials in order. Items are chunks.
/// </summary>
internal readonly unsafe struct Dot(float* a, float* b, long n, double* partials) : IKernel
{
    /// <summary>Elements in a chunk.</summary>
    public const int ChunkSize = 16384;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        for (int chunk = start; chunk < end; chunk++)
        {
            long first = (long)chunk * ChunkSize;
            int count = (int)Math.Min(ChunkSize, n - first);
            partials[chunk] = b == null ? Sum(a + first, count) : Product(a + first, b + first, count);
        }
    }

    private static double Sum(float* a, int count)
    {
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(a + i), out Vector<double> a0, out Vector<double> a1);
            low += a0;
            high += a1;
        }

        double sum = Vector.Sum(low + high);
        for (; i < count; i++) sum += a[i];
        return sum;
    }

    // The product of two floats is exact in double precision.
    private static double Product(float* a, float* b, int count)
    {
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(a + i), out Vector<double> a0, out Vector<double> a1);
            Vector.Widen(Vector.Load(b + i), out Vector<double> b0, out Vector<double> b1);
            low = Vector.FusedMultiplyAdd(a0, b0, low);
            high = Vector.FusedMultiplyAdd(a1, b1, high);
        }

        double sum = Vector.Sum(low + high);
        for (; i < count; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}

/// <summary>‖x‖² = Σ xᵢ² in double precision, chunk by chunk as in <see cref="Dot"/>. Items are chunks.</summary>
internal readonly unsafe struct SquaredNorm(float* x, long n, double* partials) : IKernel
{
    /// <summary>Elements in a chunk.</summary>
    public const int ChunkSize = Dot.ChunkSize;

    /// <inheritdoc/>
    public void Run(int start, int end) => new Dot(x, x, n, partials).Run(start, end);
}
