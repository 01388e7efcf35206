using System.Numerics;
using System.Runtime.InteropServices;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Kernels;

/// <summary>
/// Weights that stay in the type of their file: what kernels read is the widened number, to the bit, wherever it is read.
/// </summary>
public sealed unsafe class ElementTests
{
    /// <summary>Sizes with remainders everywhere, one and several blocks of K, few rows and many, whole panels and half ones.</summary>
    private static readonly (int M, int N, int K)[] Sizes =
        [(1, 70, 33), (3, 16, 64), (14, 64, 768), (33, 45, 1600), (1, 1, 1), (61, 130, 1100), (300, 97, 64), (65, 1100, 90), (2, 32, 2048),
            (17, 31, 7)];

    [Fact]
    public void Every_finite_half_widens_to_the_number_that_it_is()
    {
        Check<Float16>(bits => (float)BitConverter.UInt16BitsToHalf(bits));
        Check<BFloat16>(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));

        static void Check<TElement>(Func<ushort, float> expected)
            where TElement : struct, IElement
        {
            ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).Where(bits => float.IsFinite(expected(bits)))];
            using Buffer<ushort> buffer = new(halves);
            byte* start = (byte*)(ushort*)buffer;
            Span<float> one = stackalloc float[16];
            for (int i = 0; i + 16 <= halves.Length; i++)
            {
                byte* at = start + (2 * i);
                float value = expected(halves[i]);
                Assert.Equal(Bits(value), Bits(TElement.Load(at)));
                if (i % 4 != 0) continue; // every half in a lane of every width
                for (int lane = 0; lane < 16; lane++)
                {
                    value = expected(halves[i + lane]);
                    Assert.Equal(Bits(value), Bits(TElement.Load512(at)[lane]));
                    if (lane < 8) Assert.Equal(Bits(value), Bits(TElement.Load256(at)[lane]));
                    if (lane < Vector<float>.Count) Assert.Equal(Bits(value), Bits(TElement.LoadVector(at)[lane]));
                }
            }
        }
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    public void Products_have_the_bits_of_the_widened_weight_s(ElementType type)
    {
        using Workers one = new(1), three = new(3);
        foreach ((int m, int n, int k) in Sizes)
        {
            (byte[] raw, float[] wide) = Weight(type, n * k, seed: n + k);
            using PackedMatrix matrix = Of(type, n, k, raw, one);
            foreach (GemmForm form in new[] { GemmForm.NT, GemmForm.NN })
            {
                // y = x·wᵀ, and dx = dy·w
                bool accumulate = m % 2 == 0;
                GemmSample sample = form == GemmForm.NT
                    ? new GemmSample(form, accumulate, m, n, k, seed: 1).WithB(wide)
                    : new GemmSample(form, accumulate, m, k, n, seed: 1).WithB(wide);
                float[] expected = sample.Multiply(one);
                Assert.Equal(expected, Multiply(one));
                Assert.Equal(expected, Multiply(three));

                float[] Multiply(Workers workers)
                {
                    float[] c = accumulate ? (float[])sample.C0.Clone() : [.. sample.C0.Select(_ => float.NaN)];
                    fixed (float* a = sample.A, pc = c) matrix.Multiply(workers, form, a, pc, m, accumulate);
                    return c;
                }
            }
        }
    }

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    public void Rows_and_elements_come_out_as_they_went_in_however_they_were_written(ElementType type)
    {
        using Workers workers = new(2);
        foreach ((int n, int k) in new[] { (70, 33), (1, 5), (31, 4), (16, 16), (200, 65), (97, 1) })
        {
            (byte[] raw, float[] wide) = Weight(type, n * k, seed: 9);
            using PackedMatrix matrix = Of(type, n, k, raw, workers, rowsAtOnce: 64);
            var read = new float[n * k];
            matrix.Read(0, read);
            Assert.Equal(wide, read);
            int first = n * k / 3;
            matrix.Read(first, read.AsSpan(first));
            Assert.Equal(wide, read);
            int[] ids = Operand.Ids(23, n, seed: 4);
            using Buffer<int> pids = new(ids);
            using Buffer<float> rows = new(Operand.Zeros(ids.Length * k));
            matrix.Rows(workers, pids, rows, ids.Length, grain: 1);
            Assert.Equal([.. ids.SelectMany(id => wide[(id * k)..((id + 1) * k)])], rows.ToArray());
        }
    }

    /// <summary>Random numbers of a type, as a file has them and widened; one in ten is subnormal in half precision.</summary>
    internal static (byte[] Raw, float[] Wide) Weight(ElementType type, int count, int seed)
    {
        var rng = new Rng((ulong)seed);
        float[] values = [.. Enumerable.Range(0, count).Select(_ => (float)rng.NextNormal() * (rng.NextInt(10) == 0 ? 1e-5f : 1f))],
            wide = new float[count];
        if (type == ElementType.F32) return (MemoryMarshal.AsBytes<float>(values).ToArray(), values);
        var halves = new ushort[count];
        Assert.Null(HalfPrecision.Round(values, halves, type));
        HalfPrecision.Widen(halves, wide, type);
        return (MemoryMarshal.AsBytes<ushort>(halves).ToArray(), wide);
    }

    private static PackedMatrix Of(ElementType type, int n, int k, byte[] raw, Workers workers, int rowsAtOnce = int.MaxValue)
    {
        PackedMatrix matrix = type switch
        {
            ElementType.BF16 => PackedMatrix.Of<BFloat16>(n, k),
            ElementType.F16 => PackedMatrix.Of<Float16>(n, k),
            _ => PackedMatrix.Of<Float32>(n, k),
        };
        fixed (byte* rows = raw)
        {
            for (int row = 0; row < n; row += Math.Min(rowsAtOnce, n))
                matrix.Write(workers, row, rows + (row * k * type.Bytes()), Math.Min(rowsAtOnce, n - row));
        }

        return matrix;
    }

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
}
