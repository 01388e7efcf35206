using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using GemmForm = MiniTransformer.Kernels.Cpu.GemmForm;

namespace MiniTransformer.Tests.Gpu;

/// <summary>
/// Products on accelerators against the same products in double precision (the bound is <see cref="GemmSample.AssertNearTheNaiveSum"/>'s),
/// and against each other.
/// </summary>
public sealed class GemmTests
{
    private static readonly GemmVariant[] Variants = [GemmVariant.Naive, GemmVariant.Tiled64, GemmVariant.Tiled128, GemmVariant.Panels];
    private static readonly GemmForm[] EachForm = Enum.GetValues<GemmForm>();

    // As Enum: tests are public, and the variants are not.
    public static TheoryData<Enum, GemmForm> VariantsAndForms
    {
        get
        {
            TheoryData<Enum, GemmForm> data = [];
            foreach (GemmVariant variant in Variants)
            {
                foreach (GemmForm form in EachForm) data.Add(variant, form);
            }

            return data;
        }
    }

    /// <summary>Sizes around the tiles' (4, 16, 64, 128), unaligned rows, and a K of several blocks.</summary>
    private static readonly (int M, int N, int K)[] TinySizes = [(1, 1, 1), (1, 9, 4), (7, 1, 3), (8, 12, 16), (5, 17, 21), (65, 66, 5),
        (3, 4, 260)];

    private static readonly (int M, int N, int K)[] Sizes =
    [
        .. TinySizes, (6, 16, 16), (12, 32, 24), (64, 64, 64), (63, 65, 17), (128, 128, 32), (132, 140, 36), (256, 260, 520),
        (127, 129, 33), (1, 200, 300), (200, 1, 513),
        (100, 60, 1024), (60, 100, 777), (64, 64, 2048), (257, 70, 40),
    ];

    [Theory]
    [MemberData(nameof(VariantsAndForms))]
    public void Tiny_products_equal_the_naive_sum(Enum variant, GemmForm form) =>
        EqualTheNaiveSum(Accelerators.Threads, (GemmVariant)variant, form, TinySizes);

    [OpenClTheory]
    [MemberData(nameof(VariantsAndForms))]
    public void Products_equal_the_naive_sum_on_OpenCL(Enum variant, GemmForm form) =>
        EqualTheNaiveSum(Accelerators.OpenCl, (GemmVariant)variant, form, Sizes);

    private static void EqualTheNaiveSum(string device, GemmVariant variant, GemmForm form, (int M, int N, int K)[] sizes) =>
        GemmRun.On(device, (accelerator, gemm) =>
    {
        foreach (((int m, int n, int k), int index) in sizes.Select((size, index) => (size, index)))
        {
            GemmSample sample = new(form, accumulate: index % 2 == 1, m, n, k, seed: index);

            // Every alignment of every operand comes up; aligned ones, which are read four at a time, for every size.
            sample.AssertNearTheNaiveSum(GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample, offsetA: index % 3,
                offsetB: index % 4, offsetC: index % 5));
            sample.AssertNearTheNaiveSum(GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample));
        }
    });

    [OpenClTheory]
    [MemberData(nameof(VariantsAndForms))]
    public void Products_of_random_sizes_equal_the_naive_sum_on_OpenCL(Enum variant, GemmForm form) =>
        GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        for (int trial = 0; trial < 20; trial++)
        {
            GemmSample sample = GemmSample.RandomSize(form, accumulate: trial % 2 == 0, seed: 300 + trial);
            sample.AssertNearTheNaiveSum(GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample, trial % 4, trial / 4 % 4,
                trial % 3));
        }
    });

    [Fact]
    public void Tiny_products_have_the_same_bits_by_every_variant() => HaveTheSameBits(Accelerators.Threads, [(7, 18, 261)]);

    [OpenClFact]
    public void Products_have_the_same_bits_by_every_variant_on_OpenCL() => HaveTheSameBits(Accelerators.OpenCl, Sizes);

    private static void HaveTheSameBits(string device, (int M, int N, int K)[] sizes) => GemmRun.On(device, (accelerator, gemm) =>
    {
        foreach (((int m, int n, int k), int index) in sizes.Select((size, index) => (size, index)))
        {
            foreach (GemmForm form in EachForm)
            {
                GemmSample sample = new(form, accumulate: index % 2 == 0, m, n, k, seed: index);
                float[] naive = GemmRun.Multiply(accelerator, gemm, GemmVariant.Naive, sample);
                foreach (GemmVariant variant in Variants)
                {
                    Assert.Equal(naive, GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample, index % 4, 1, 2));
                    Assert.Equal(naive, GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample));
                }
            }
        }
    });

    [Fact]
    public void Tiny_products_with_a_weight_of_16_bits_have_the_bits_of_the_widened_one_s() =>
        HaveTheBitsOfTheWidenedOne(Accelerators.Threads, [(3, 5, 4), (2, 9, 7)]);

    [OpenClFact]
    public void Products_with_a_weight_of_16_bits_have_the_bits_of_the_widened_one_s_on_OpenCL() =>
        HaveTheBitsOfTheWidenedOne(Accelerators.OpenCl, Sizes);

    private static void HaveTheBitsOfTheWidenedOne(string device, (int M, int N, int K)[] sizes) =>
        GemmRun.On(device, (accelerator, gemm) =>
    {
        foreach ((int m, int n, int k) in sizes)
        {
            foreach (GemmForm form in EachForm)
            {
                foreach (ElementType type in new[] { ElementType.BF16, ElementType.F16 })
                {
                    (byte[] raw, float[] wide) = ElementTests.Weight(type, k * n, seed: m + n + k);
                    float[] words = MemoryMarshal.Cast<byte, float>((byte[])[.. raw, .. new byte[4 - (raw.Length % 4)]]).ToArray();
                    GemmSample sample = new GemmSample(form, accumulate: m % 2 == 0, m, n, k, seed: 2).WithB(wide);
                    foreach (GemmVariant variant in Variants)
                    {
                        Assert.Equal(GemmRun.Multiply(accelerator, gemm, variant, sample), type == ElementType.BF16
                            ? GemmRun.Multiply<BFloat16>(accelerator, gemm, variant, sample, words)
                            : GemmRun.Multiply<Float16>(accelerator, gemm, variant, sample, words));
                    }
                }
            }
        }
    });

    [OpenClFact]
    public void A_product_that_shares_K_among_groups_has_the_same_bits_as_one_that_does_not() =>
        GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        // The limit of scratch memory, not the number of blocks, decides for the taller one; its first rows are the same product.
        const int n = 128, k = 2048;
        GemmSample tall = new(GemmForm.NN, accumulate: true, 64 * 65, n, k, seed: 3);
        GemmSample shared = tall.FirstRows(64);
        Assert.Equal(GemmDepth.Blocks(k) * 64L * n, gemm.ScratchLength(GemmVariant.Tiled64, GemmForm.NN, 64, n, k));
        Assert.Equal(0, gemm.ScratchLength(GemmVariant.Tiled64, GemmForm.NN, tall.M, n, k));
        float[] expected = GemmRun.Multiply(accelerator, gemm, GemmVariant.Tiled64, tall);
        for (int repeat = 0; repeat < 3; repeat++)
            Assert.Equal(expected[..(64 * n)], GemmRun.Multiply(accelerator, gemm, GemmVariant.Tiled64, shared));
    });

    [OpenClTheory]
    [InlineData(GemmForm.NN)]
    [InlineData(GemmForm.NT)]
    [InlineData(GemmForm.TN)]
    public void Operands_beyond_the_scratch_memory_are_packed_piece_by_piece(GemmForm form) =>
        GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        const int few = 7, many = 2100, k = 2048; // 2100 · 2048 floats are more than 16 MB
        foreach ((int m, int n) in form == GemmForm.TN ? [(few, many), (many, few)] : new[] { (few, many) })
        {
            GemmSample sample = new(form, accumulate: false, m, n, k, seed: 1);
            Assert.True(gemm.ScratchLength(GemmVariant.Panels, form, m, n, k) < (long)many * k);
            Assert.Equal(GemmRun.Multiply(accelerator, gemm, GemmVariant.Naive, sample),
                GemmRun.Multiply(accelerator, gemm, GemmVariant.Panels, sample));
        }
    });

    [OpenClTheory]
    [MemberData(nameof(VariantsAndForms))]
    public void Repeats_have_the_same_bits(Enum variant, GemmForm form) => GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        GemmSample sample = new(form, accumulate: true, 150, 130, 600, seed: 9);
        float[] first = GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample);
        for (int repeat = 0; repeat < 5; repeat++) Assert.Equal(first, GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample));
    });

    [Theory]
    [MemberData(nameof(VariantsAndForms))]
    public void Sizes_of_zero_are_products_too(Enum variant, GemmForm form) => GemmRun.On(Accelerators.Threads, (accelerator, gemm) =>
    {
        foreach (bool accumulate in new[] { false, true })
        {
            foreach ((int m, int n, int k) in new[] { (0, 3, 4), (3, 0, 4), (2, 3, 0) })
            {
                GemmSample sample = new(form, accumulate, m, n, k, seed: 1);
                Assert.Equal(accumulate ? sample.C0 : new float[m * n], GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample));
            }
        }
    });

    [OpenClTheory]
    [MemberData(nameof(VariantsAndForms))]
    public void Infinities_stay_in_their_row_and_column(Enum variant, GemmForm form) =>
        GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        const int m = 66, n = 37, k = 9;
        GemmSample sample = new(form, accumulate: false, m, n, k, seed: 1);
        float[] finite = GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample);
        sample.A[form == GemmForm.TN ? (2 * m) + 65 : (65 * k) + 2] = float.PositiveInfinity;
        sample.B[form == GemmForm.NT ? (36 * k) + 4 : (4 * n) + 36] = float.NaN;
        float[] product = GemmRun.Multiply(accelerator, gemm, (GemmVariant)variant, sample);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                if (i == 65 || j == 36) Assert.False(float.IsFinite(product[(i * n) + j]));
                else Assert.Equal(finite[(i * n) + j], product[(i * n) + j]);
            }
        }
    });

    [OpenClTheory]
    [MemberData(nameof(VariantsAndForms))]
    public void A_product_allocates_no_managed_memory(Enum variant, GemmForm form) => GemmRun.On(Accelerators.OpenCl, (accelerator, gemm) =>
    {
        const int size = 130;
        using MemoryBuffer1D<float, Stride1D.Dense> a = accelerator.Allocate1D<float>(size * size),
            b = accelerator.Allocate1D<float>(size * size);
        using MemoryBuffer1D<float, Stride1D.Dense> c = accelerator.Allocate1D<float>(size * size),
            scratch = accelerator.Allocate1D<float>(gemm.ScratchLength((GemmVariant)variant, form, size, size, size) + 1);
        for (int warm = 0; warm < 2; warm++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int repeat = 0; repeat < 10; repeat++)
                gemm.Multiply<Float32>((GemmVariant)variant, accelerator.DefaultStream, form, a.View, b.View, c.View, size, size, size,
                    true, scratch.View);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (warm == 1) Assert.Equal(0, allocated);
        }

        accelerator.DefaultStream.Synchronize();
    });

    [Fact]
    public void Tf32_changes_nothing_where_there_are_no_tensor_cores() => Accelerators.On(Accelerators.Threads, accelerator =>
    {
        Gemm plain = new(accelerator), rounding = new(accelerator) { Tf32 = true };
        foreach (int size in new[] { 1, 64, 128, 4096 }) Assert.Equal(plain.Choose(size, size, size), rounding.Choose(size, size, size));
    });

    [Fact]
    public void Blocks_of_K_cover_it_in_whole_steps()
    {
        for (int k = 0; k < 3000; k++)
        {
            int blocks = GemmDepth.Blocks(k);
            Assert.Equal(0, GemmDepth.Start(k, 0, blocks));
            Assert.Equal(k, GemmDepth.Start(k, blocks, blocks));
            for (int p = 0; p < blocks; p++)
            {
                Assert.Equal(0, GemmDepth.Start(k, p, blocks) % GemmDepth.Step);
                Assert.InRange(GemmDepth.Start(k, p + 1, blocks) - GemmDepth.Start(k, p, blocks), k == 0 ? 0 : 1, GemmDepth.MaxDepth);
            }
        }
    }
}
