using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Kernels;

/// <summary>
/// What a product must not depend on, bit for bit: other rows, the number of threads, whether the weight was packed beforehand.
/// </summary>
public sealed class GemmInvarianceTests
{
    [Theory]
    [MemberData(nameof(GemmTests.Forms), MemberType = typeof(GemmTests))]
    public void The_number_of_threads_changes_no_bit(GemmForm form, bool accumulate)
    {
        using Workers one = new(1), two = new(2), three = new(3);
        foreach (GemmSample sample in Samples(form, accumulate))
        {
            float[] expected = sample.Multiply(one);
            AssertSameBits(expected, sample.Multiply(two));
            AssertSameBits(expected, sample.Multiply(three));
        }
    }

    [Theory]
    [InlineData(GemmForm.NN, false)]
    [InlineData(GemmForm.NN, true)]
    [InlineData(GemmForm.NT, false)]
    [InlineData(GemmForm.NT, true)]
    public void A_row_has_the_same_bits_in_every_batch(GemmForm form, bool accumulate)
    {
        using Workers workers = new(2);
        foreach (GemmSample sample in Samples(form, accumulate))
        {
            float[] all = sample.Multiply(workers);
            foreach ((int first, int count) in Batches(sample.M))
            {
                AssertSameBits(all[(first * sample.N)..((first + count) * sample.N)], sample.MultiplyRows(workers, first, count));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_packed_weight_gives_the_same_bits_for_every_batch_and_number_of_threads(bool accumulate)
    {
        using Workers one = new(1), three = new(3);
        foreach (GemmSample sample in Samples(GemmForm.NT, accumulate))
        {
            using PackedMatrix packed = Pack(one, sample), packedByThree = Pack(three, sample);
            float[] all = sample.Multiply(one);
            AssertSameBits(all, sample.MultiplyPacked(one, packed, 0, sample.M));
            AssertSameBits(all, sample.MultiplyPacked(three, packedByThree, 0, sample.M));
            foreach ((int first, int count) in Batches(sample.M))
            {
                float[] rows = all[(first * sample.N)..((first + count) * sample.N)];
                AssertSameBits(rows, sample.MultiplyPacked(one, packed, first, count));
                AssertSameBits(rows, sample.MultiplyPacked(three, packed, first, count));
            }
        }
    }

    [Fact]
    public void An_element_has_the_same_bits_in_all_three_forms()
    {
        using Workers workers = new(2);
        foreach (GemmSample nn in Samples(GemmForm.NN, accumulate: false))
        {
            float[] expected = nn.Multiply(workers);
            GemmSample nt = new(GemmForm.NT, false, nn.M, nn.N, nn.K, seed: 0), tn = new(GemmForm.TN, false, nn.M, nn.N, nn.K, seed: 0);
            nn.A.CopyTo(nt.A, 0);
            nn.B.CopyTo(tn.B, 0);
            for (int k = 0; k < nn.K; k++)
            {
                for (int j = 0; j < nn.N; j++) nt.B[(j * nn.K) + k] = nn.B[(k * nn.N) + j];
                for (int i = 0; i < nn.M; i++) tn.A[(k * nn.M) + i] = nn.A[(i * nn.K) + k];
            }

            AssertSameBits(expected, nt.Multiply(workers));
            AssertSameBits(expected, tn.Multiply(workers));
        }
    }

    [Fact]
    public void An_empty_packed_product_is_zero_or_leaves_the_sum_alone()
    {
        using Workers workers = new(1);
        GemmSample sample = new(GemmForm.NT, accumulate: true, 3, 5, 0, seed: 1);
        using PackedMatrix packed = Pack(workers, sample);
        Assert.Equal(sample.C0, sample.MultiplyPacked(workers, packed, 0, 3));
        GemmSample fresh = new(GemmForm.NT, accumulate: false, 3, 5, 0, seed: 1);
        Assert.Equal(new float[15], fresh.MultiplyPacked(workers, packed, 0, 3));
    }

    // Sizes with remainders everywhere, with one and with several blocks of K and of columns, below and above the size that is worth
    // splitting.
    private static IEnumerable<GemmSample> Samples(GemmForm form, bool accumulate)
    {
        (int, int, int)[] sizes = [(1, 70, 33), (16, 64, 64), (33, 45, 600), (61, 130, 1100), (190, 97, 64), (45, 1100, 90),
            (200, 512, 128), (48, 64, 1024), (520, 100, 70), (33, 96, 2048)];
        foreach ((int m, int n, int k) in sizes) yield return new GemmSample(form, accumulate, m, n, k, seed: (7 * m) + n + k);
    }

    private static IEnumerable<(int First, int Count)> Batches(int m)
    {
        yield return (0, 1);
        yield return (m - 1, 1);
        yield return (m / 2, m - (m / 2));
        yield return (m / 3, Math.Min(4, m - (m / 3)));
        yield return (m / 5, Math.Min(29, m - (m / 5)));
    }

    private static unsafe PackedMatrix Pack(Workers workers, GemmSample sample)
    {
        var packed = PackedMatrix.Of<Float32>(sample.N, sample.K);
        fixed (float* b = sample.B) packed.Write(workers, 0, b, sample.N);
        return packed;
    }

    private static void AssertSameBits(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
            {
                Assert.Fail($"element {i}: {expected[i]:r} became {actual[i]:r}");
            }
        }
    }
}
