using ILGPU;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>
/// The matrix product as it is written on paper: one work item an element of C, both operands straight from global memory.
/// </summary>
internal static class GemmNaive
{
    /// <summary>C[i,j] = Σₖ A[i,k]·B[k,j].</summary>
    public static void Multiply<TElement>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, GemmShape s)
        where TElement : struct, IElement
    {
        long index = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (index >= (long)s.M * s.N) return;
        long i = index / s.N, j = index - (i * s.N);
        long atA = i * s.RowA, atB = j * s.ColumnB;
        int blocks = GemmDepth.Blocks(s.K);
        float value = s.Accumulate != 0 ? c[index] : 0;
        for (int p = 0; p < blocks; p++)
        {
            float sum = 0;
            for (int depth = GemmDepth.Start(s.K, p + 1, blocks) - GemmDepth.Start(s.K, p, blocks); depth > 0; depth--)
            {
                sum += a[atA] * TElement.Load(b, atB);
                atA += s.DepthA;
                atB += s.DepthB;
            }

            value += sum;
        }

        c[index] = value;
    }
}
