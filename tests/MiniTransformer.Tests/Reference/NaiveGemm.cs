using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Reference;

/// <summary>The matrix product as it is written on paper, in double precision: C[i,j] = C₀[i,j] + Σₖ A[i,k]·B[k,j].</summary>
public static class NaiveGemm
{
    /// <summary>
    /// The product, and for each element the scale of its rounding error, |C₀[i,j]| + Σₖ |A[i,k]|·|B[k,j]|. Without <paramref name="c0"/>,
    /// C₀ = 0.
    /// </summary>
    public static (double[] Product, double[] Magnitude) Multiply(GemmForm form, float[] a, float[] b, float[]? c0, int M, int N, int K)
    {
        double[] product = new double[M * N], magnitude = new double[M * N];
        for (int i = 0; i < M; i++)
        {
            for (int j = 0; j < N; j++)
            {
                double sum = c0 is null ? 0 : c0[(i * N) + j], size = Math.Abs(sum);
                for (int k = 0; k < K; k++)
                {
                    double x = form == GemmForm.TN ? a[(k * M) + i] : a[(i * K) + k];
                    double y = form == GemmForm.NT ? b[(j * K) + k] : b[(k * N) + j];
                    sum += x * y;
                    size += Math.Abs(x * y);
                }

                product[(i * N) + j] = sum;
                magnitude[(i * N) + j] = size;
            }
        }

        return (product, magnitude);
    }
}
