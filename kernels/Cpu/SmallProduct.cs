using System.Numerics;

namespace MiniTransformer.Kernels.Cpu;

/// <summary>
/// The products inside attention, C (+)= A B for operands small enough to stay in cache:
/// C[r, c] = Σₖ A[r·aRow + k·aStep] B[k·bStep + c], each element one chain of fused multiply-adds over k in order, started from 0 or from
/// C. So an element does not depend on its tile, on the vector width, or on how many rows and columns there are.
/// </summary>
internal static unsafe class SmallProduct
{
    /// <summary>Computes rows × columns elements of C, whose rows are cRow apart.</summary>
    public static void Multiply(
        float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, int rows, int columns, int depth, bool accumulate)
    {
        int W = Vector<float>.Count, r = 0;
        for (; r <= rows - 4; r += 4, a += 4 * aRow, c += 4 * cRow)
        {
            int j = 0;
            for (; j <= columns - 2 * W; j += 2 * W) FourByTwo(a, aRow, aStep, b + j, bStep, c + j, cRow, depth, accumulate);
            for (int i = 0; j < columns && i < 4; i++) OneRow(a + i * aRow, aStep, b, bStep, c + i * cRow, j, columns, depth, accumulate);
        }

        for (; r < rows; r++, a += aRow, c += cRow) OneRow(a, aStep, b, bStep, c, 0, columns, depth, accumulate);
    }

    // 4 rows by 2 vectors: 8 accumulators, enough chains to fill two FMA units of latency 4, in 16 registers.
    private static void FourByTwo(
        float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, int depth, bool accumulate)
    {
        int W = Vector<float>.Count;
        Vector<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector<float> c20 = default, c21 = default, c30 = default, c31 = default;
        float* c2 = c + 2 * cRow;
        if (accumulate)
        {
            c00 = Vector.Load(c);
            c01 = Vector.Load(c + W);
            c10 = Vector.Load(c + cRow);
            c11 = Vector.Load(c + cRow + W);
            c20 = Vector.Load(c2);
            c21 = Vector.Load(c2 + W);
            c30 = Vector.Load(c2 + cRow);
            c31 = Vector.Load(c2 + cRow + W);
        }

        float* a2 = a + 2 * aRow;
        for (int k = 0; k < depth; k++, a += aStep, a2 += aStep, b += bStep)
        {
            Vector<float> b0 = Vector.Load(b), b1 = Vector.Load(b + W);
            Vector<float> a0 = Vector.Create(*a);
            c00 = Vector.FusedMultiplyAdd(a0, b0, c00);
            c01 = Vector.FusedMultiplyAdd(a0, b1, c01);
            Vector<float> a1 = Vector.Create(a[aRow]);
            c10 = Vector.FusedMultiplyAdd(a1, b0, c10);
            c11 = Vector.FusedMultiplyAdd(a1, b1, c11);
            Vector<float> va2 = Vector.Create(*a2);
            c20 = Vector.FusedMultiplyAdd(va2, b0, c20);
            c21 = Vector.FusedMultiplyAdd(va2, b1, c21);
            Vector<float> a3 = Vector.Create(a2[aRow]);
            c30 = Vector.FusedMultiplyAdd(a3, b0, c30);
            c31 = Vector.FusedMultiplyAdd(a3, b1, c31);
        }

        Vector.Store(c00, c);
        Vector.Store(c01, c + W);
        Vector.Store(c10, c + cRow);
        Vector.Store(c11, c + cRow + W);
        Vector.Store(c20, c2);
        Vector.Store(c21, c2 + W);
        Vector.Store(c30, c2 + cRow);
        Vector.Store(c31, c2 + cRow + W);
    }

    // Columns from ≤ j < columns of one row: four vectors at a time, then one, then single elements through the same chain.
    private static void OneRow(
        float* a, nint aStep, float* b, nint bStep, float* c, int from, int columns, int depth, bool accumulate)
    {
        int W = Vector<float>.Count, j = from;
        for (; j <= columns - 4 * W; j += 4 * W) OneByFour(a, aStep, b + j, bStep, c + j, depth, accumulate);
        for (; j <= columns - W; j += W)
        {
            Vector<float> sum = accumulate ? Vector.Load(c + j) : Vector<float>.Zero;
            for (int k = 0; k < depth; k++) sum = Vector.FusedMultiplyAdd(Vector.Create(a[k * aStep]), Vector.Load(b + k * bStep + j), sum);
            Vector.Store(sum, c + j);
        }

        for (; j < columns; j++)
        {
            float sum = accumulate ? c[j] : 0f;
            for (int k = 0; k < depth; k++) sum = MathF.FusedMultiplyAdd(a[k * aStep], b[k * bStep + j], sum);
            c[j] = sum;
        }
    }

    private static void OneByFour(float* a, nint aStep, float* b, nint bStep, float* c, int depth, bool accumulate)
    {
        int W = Vector<float>.Count;
        Vector<float> c0 = default, c1 = default, c2 = default, c3 = default;
        if (accumulate)
        {
            c0 = Vector.Load(c);
            c1 = Vector.Load(c + W);
            c2 = Vector.Load(c + 2 * W);
            c3 = Vector.Load(c + 3 * W);
        }

        for (int k = 0; k < depth; k++, a += aStep, b += bStep)
        {
            Vector<float> va = Vector.Create(*a);
            c0 = Vector.FusedMultiplyAdd(va, Vector.Load(b), c0);
            c1 = Vector.FusedMultiplyAdd(va, Vector.Load(b + W), c1);
            c2 = Vector.FusedMultiplyAdd(va, Vector.Load(b + 2 * W), c2);
            c3 = Vector.FusedMultiplyAdd(va, Vector.Load(b + 3 * W), c3);
        }

        Vector.Store(c0, c);
        Vector.Store(c1, c + W);
        Vector.Store(c2, c + 2 * W);
        Vector.Store(c3, c + 3 * W);
    }
}
