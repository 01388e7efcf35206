using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

/// <summary>One product with random operands, uniform in [−1, 1).</summary>
internal sealed unsafe class GemmSample
{
    public GemmSample(GemmForm form, bool accumulate, int m, int n, int k, int seed)
    {
        (Form, Accumulate, M, N, K) = (form, accumulate, m, n, k);
        Rng rng = new((ulong)seed);
        A = Random(rng, m * k);
        B = Random(rng, k * n);
        C0 = Random(rng, m * n);
    }

    /// <summary>The same product with other numbers in B.</summary>
    public GemmSample WithB(float[] b) => new(Form, Accumulate, M, N, K, A, b, C0);

    private GemmSample(GemmForm form, bool accumulate, int m, int n, int k, float[] a, float[] b, float[] c0) =>
        (Form, Accumulate, M, N, K, A, B, C0) = (form, accumulate, m, n, k, a, b, c0);

    public GemmForm Form { get; }

    public bool Accumulate { get; }

    public int M { get; }

    public int N { get; }

    public int K { get; }

    public float[] A { get; }

    public float[] B { get; }

    public float[] C0 { get; }

    /// <summary>Sizes up to 150 by 150 by 700, small ones more often.</summary>
    public static GemmSample RandomSize(GemmForm form, bool accumulate, int seed)
    {
        Rng rng = new((ulong)seed, stream: 1);
        return new GemmSample(form, accumulate, Size(150), Size(150), Size(700), seed);

        int Size(int most)
        {
            float u = rng.NextUniform();
            return 1 + (int)(u * u * most);
        }
    }

    /// <summary>The same product of the first rows of A alone. Not for Aᵀ.</summary>
    public GemmSample FirstRows(int count) => new(Form, Accumulate, count, N, K, A[..(count * K)], B, C0[..(count * N)]);

    /// <summary>C as <see cref="Gemm.Multiply"/> computes it, from C₀ if accumulating.</summary>
    public float[] Multiply(Workers workers)
    {
        float[] c = Start(C0);
        fixed (float* a = A, b = B, pc = c) Gemm.Multiply(workers, Form, a, b, pc, M, N, K, Accumulate);
        return c;
    }

    /// <summary>Rows first … first + count of C alone, from those rows of A. Not for Aᵀ.</summary>
    public float[] MultiplyRows(Workers workers, int first, int count)
    {
        float[] c = Start(C0[(first * N)..((first + count) * N)]);
        fixed (float* a = A, b = B, pc = c) Gemm.Multiply(workers, Form, a + (first * K), b, pc, count, N, K, Accumulate);
        return c;
    }

    /// <summary>The same rows through B packed beforehand. Only for B transposed.</summary>
    public float[] MultiplyPacked(Workers workers, PackedMatrix packed, int first, int count)
    {
        float[] c = Start(C0[(first * N)..((first + count) * N)]);
        fixed (float* a = A, pc = c) packed.Multiply(workers, GemmForm.NT, a + (first * K), pc, count, Accumulate);
        return c;
    }

    /// <summary>
    /// |error| ≤ (K + 1)·ε·Σ|a||b|, ε = 2⁻²³: the bound for K multiply-adds in any order, each rounded to half an ε, doubled (N. Higham,
    /// "Accuracy and Stability of Numerical Algorithms", section 3.1); C₀ counts as one more term.
    /// </summary>
    public void AssertNearTheNaiveSum(float[] c)
    {
        const double epsilon = 1.0 / (1 << 23);
        (double[] product, double[] magnitude) = NaiveGemm.Multiply(Form, A, B, Accumulate ? C0 : null, M, N, K);
        for (int i = 0; i < product.Length; i++)
        {
            double error = Math.Abs(c[i] - product[i]), bound = (K + 1) * epsilon * magnitude[i];
            if (!(error <= bound))
            {
                Assert.Fail($"{Form} {M} x {N} x {K}{(Accumulate ? " accumulating" : "")}: C[{i / N},{i % N}] = {c[i]}, the sum is "
                    + $"{product[i]}, error {error:e2} > {bound:e2}");
            }
        }
    }

    // Without accumulation the old content must not matter.
    private float[] Start(float[] c0)
    {
        float[] c = (float[])c0.Clone();
        if (!Accumulate) Array.Fill(c, float.NaN);
        return c;
    }

    private static float[] Random(Rng rng, int length)
    {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) values[i] = (2 * rng.NextUniform()) - 1;
        return values;
    }
}
