using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Kernels;

/// <summary>Products against the same products in double precision.</summary>
public sealed unsafe class GemmTests
{
    public static TheoryData<GemmForm, bool> Forms => new()
    {
        { GemmForm.NN, false }, { GemmForm.NN, true },
        { GemmForm.NT, false }, { GemmForm.NT, true },
        { GemmForm.TN, false }, { GemmForm.TN, true },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Products_of_random_sizes_equal_the_naive_sum(GemmForm form, bool accumulate)
    {
        using Workers workers = new(2);
        for (int trial = 0; trial < 60; trial++)
        {
            GemmSample sample = GemmSample.RandomSize(form, accumulate, seed: 100 + trial);
            sample.AssertNearTheNaiveSum(sample.Multiply(workers));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_remainder_of_rows_and_columns_against_a_tile_is_exact(GemmForm form, bool accumulate)
    {
        using Workers workers = new(1);
        for (int m = 1; m <= 30; m++)
        {
            for (int n = 1; n <= 67; n += m % 2 == 0 ? 1 : 11)
            {
                GemmSample sample = new(form, accumulate, m, n, 5 + (m % 14), seed: (m * 100) + n);
                sample.AssertNearTheNaiveSum(sample.Multiply(workers));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void An_inner_dimension_of_several_blocks_and_columns_of_several_blocks_are_exact(GemmForm form, bool accumulate)
    {
        using Workers workers = new(2);
        (int, int, int)[] sizes = [(15, 40, 513), (29, 33, 1024), (64, 48, 1537), (200, 65, 700), (17, 1025, 30), (30, 2100, 520),
            (600, 100, 40), (530, 37, 800), (20, 70, 2048)];
        foreach ((int m, int n, int k) in sizes)
        {
            GemmSample sample = new(form, accumulate, m, n, k, seed: m + n + k);
            sample.AssertNearTheNaiveSum(sample.Multiply(workers));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Sizes_of_zero_and_one_are_products_too(GemmForm form, bool accumulate)
    {
        using Workers workers = new(1);
        for (int size = 0; size < 64; size++)
        {
            int m = Size(size & 3), n = Size((size >> 2) & 3), k = Size(size >> 4);
            GemmSample sample = new(form, accumulate, m, n, k, seed: size);
            float[] product = sample.Multiply(workers);
            sample.AssertNearTheNaiveSum(product);
            if (k == 0) Assert.Equal(accumulate ? sample.C0 : new float[m * n], product);
        }

        static int Size(int code) => code == 3 ? 20 : code;
    }

    [Theory]
    [InlineData(GemmForm.NN)]
    [InlineData(GemmForm.NT)]
    [InlineData(GemmForm.TN)]
    public void Nothing_outside_the_product_is_written(GemmForm form)
    {
        using Workers workers = new(2);
        foreach ((int m, int n, int k) in new[] { (1, 1, 1), (13, 31, 7), (15, 33, 600), (3, 17, 40), (43, 95, 12) })
        {
            GemmSample sample = new(form, accumulate: false, m, n, k, seed: 5);
            float[] guarded = new float[(m * n) + 64];
            Array.Fill(guarded, 12345f);
            fixed (float* a = sample.A, b = sample.B, c = guarded) Gemm.Multiply(workers, form, a, b, c + 32, m, n, k, false);
            Assert.All(guarded[..32], x => Assert.Equal(12345f, x));
            Assert.All(guarded[(32 + (m * n))..], x => Assert.Equal(12345f, x));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_block_inside_larger_matrices_equals_the_product_and_leaves_the_rest_alone(GemmForm form, bool accumulate)
    {
        using Workers workers = new(1);
        foreach ((int m, int n, int k) in new[] { (64, 64, 64), (1, 5, 9), (64, 128, 32), (17, 48, 100), (30, 67, 768), (14, 16, 1) })
        {
            GemmSample sample = new(form, accumulate, m, n, k, seed: m + n + k);
            float[] expected = sample.Multiply(workers);
            float[] a = Widen(sample.A, form == GemmForm.TN ? m : k, 3), b = Widen(sample.B, form == GemmForm.NT ? k : n, 5);
            float[] c = Widen(sample.C0, n, 7), untouched = (float[])c.Clone();
            int lda = (form == GemmForm.TN ? m : k) + 3, ldb = (form == GemmForm.NT ? k : n) + 5, ldc = n + 7;
            fixed (float* pa = a, pb = b, pc = c) Gemm.MultiplyBlock(form, pa, lda, pb, ldb, pc, ldc, m, n, k, accumulate);
            for (int i = 0; i < m; i++)
            {
                Assert.Equal(expected[(i * n)..((i + 1) * n)], c[(i * ldc)..((i * ldc) + n)]);
                Assert.Equal(untouched[((i * ldc) + n)..((i + 1) * ldc)], c[((i * ldc) + n)..((i + 1) * ldc)]);
            }
        }

        static float[] Widen(float[] rows, int width, int gap)
        {
            int count = rows.Length / width;
            float[] wide = new float[count * (width + gap)];
            Array.Fill(wide, -77f);
            for (int i = 0; i < count; i++) Array.Copy(rows, i * width, wide, i * (width + gap), width);
            return wide;
        }
    }

    [Fact]
    public void A_product_by_hand()
    {
        // (1 2; 3 4)·(5 6; 7 8) = (19 22; 43 50), exact in floats
        using Workers workers = new(1);
        float[] a = [1, 2, 3, 4], b = [5, 6, 7, 8], bt = [5, 7, 6, 8], at = [1, 3, 2, 4], c = new float[4];
        float[] expected = [19, 22, 43, 50];
        fixed (float* pa = a, pb = b, pat = at, pbt = bt, pc = c)
        {
            Gemm.Multiply(workers, GemmForm.NN, pa, pb, pc, 2, 2, 2, false);
            Assert.Equal(expected, c);
            Gemm.Multiply(workers, GemmForm.NT, pa, pbt, pc, 2, 2, 2, false);
            Assert.Equal(expected, c);
            Gemm.Multiply(workers, GemmForm.TN, pat, pb, pc, 2, 2, 2, false);
            Assert.Equal(expected, c);
            Gemm.Multiply(workers, GemmForm.NN, pa, pb, pc, 2, 2, 2, true);
            Assert.Equal([38, 44, 86, 100], c);
        }
    }

    [Fact]
    public void Infinities_stay_in_their_row_and_column()
    {
        using Workers workers = new(1);
        const int m = 15, n = 37, k = 9;
        GemmSample sample = new(GemmForm.NT, accumulate: false, m, n, k, seed: 1);
        float[] finite = sample.Multiply(workers);
        sample.A[(3 * k) + 2] = float.PositiveInfinity;
        sample.B[(36 * k) + 4] = float.NaN;
        float[] product = sample.Multiply(workers);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                if (i == 3 || j == 36) Assert.False(float.IsFinite(product[(i * n) + j]));
                else Assert.Equal(finite[(i * n) + j], product[(i * n) + j]);
            }
        }
    }

    [Fact]
    public void A_product_allocates_no_managed_memory()
    {
        using Workers workers = new(1);
        GemmSample sample = new(GemmForm.NN, accumulate: false, 130, 130, 130, seed: 1);
        float[] c = new float[130 * 130];
        fixed (float* a = sample.A, b = sample.B, pc = c)
        {
            using var packed = PackedMatrix.Of<Float32>(130, 130);
            packed.Write(workers, 0, b, 130);
            for (int warm = 0; warm < 2; warm++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                foreach (GemmForm form in (ReadOnlySpan<GemmForm>)[GemmForm.NN, GemmForm.NT, GemmForm.TN])
                {
                    Gemm.Multiply(workers, form, a, b, pc, 130, 130, 130, true);
                }
                packed.Multiply(workers, GemmForm.NT, a, pc, 130, true);
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                if (warm == 1) Assert.Equal(0, allocated);
            }
        }
    }
}
