using System.Runtime.InteropServices;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;

namespace MiniTransformer.Tests.Gpu;

public class PrimitiveTests
{
    [Theory]
    [InlineData(3, 5)]
    [InlineData(2, 130)] // a group of 64 work items goes round several times
    public void Softmax_and_what_is_done_to_columns_agree_with_their_definitions(int rows, int C) => Check(Accelerators.Threads, rows, C);

    [OpenClTheory]
    [InlineData(1, 1)]
    [InlineData(7, 33)]
    [InlineData(5, 3000)]
    public void Softmax_and_what_is_done_to_columns_agree_with_their_definitions_on_OpenCL(int rows, int C) =>
        Check(Accelerators.OpenCl, rows, C);

    [Fact]
    public void Every_finite_half_widens_to_the_number_that_it_is() => CheckWidening(Accelerators.Threads);

    [OpenClFact]
    public void Every_finite_half_widens_to_the_number_that_it_is_on_OpenCL() => CheckWidening(Accelerators.OpenCl);

    private static void CheckWidening(string device) => Accelerators.On(device, accelerator =>
    {
        ushort[] halves = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
        using Memory<float> words = new(accelerator, MemoryMarshal.Cast<ushort, float>(halves).ToArray());
        using Memory<float> half = new(accelerator, new float[halves.Length]), brain = new(accelerator, new float[halves.Length]);
        accelerator.Kernel(a => new Widen<Float16>(a)).Run(words, 0, half);
        accelerator.Kernel(a => new Widen<BFloat16>(a)).Run(words, 0, brain);
        accelerator.Synchronize();
        Agree(halves.Select(bits => (float)BitConverter.UInt16BitsToHalf(bits)), half.ToArray());
        Agree(halves.Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16)), brain.ToArray());

        static void Agree(IEnumerable<float> expected, float[] actual) => Assert.All(expected.Zip(actual), pair =>
        {
            if (float.IsFinite(pair.First))
                Assert.Equal(BitConverter.SingleToUInt32Bits(pair.First), BitConverter.SingleToUInt32Bits(pair.Second));
        });
    });

    private static void Check(string device, int rows, int C) => Accelerators.On(device, accelerator =>
    {
        float[] x = Operand.Normal(rows * C, seed: 1), dy = Operand.Normal(rows * C, seed: 2);
        float[] before = Operand.Normal(rows * C, seed: 3), column = Operand.Normal(rows, seed: 4);
        if (rows > 1) for (int i = 0; i < C; i++) x[i] = float.NegativeInfinity; // a row in which all is forbidden
        using Memory<float> xs = new(accelerator, x), ys = new(accelerator, new float[rows * C]);
        using Memory<float> dys = new(accelerator, dy), dxs = new(accelerator, before), shifted = new(accelerator, new float[rows * C]);
        using Memory<float> columns = new(accelerator, column), sums = new(accelerator, column);
        accelerator.Kernel(a => new SoftmaxForward(a)).Run(xs, ys, rows, C);
        accelerator.Kernel(a => new SoftmaxBackward(a)).Run(ys, dys, dxs, rows, C);
        accelerator.Kernel(a => new AddColumn(a)).Run(dys, columns, shifted, C);
        accelerator.Kernel(a => new SumColumns(a)).Run(dys, sums, rows, C);
        accelerator.Synchronize();

        double[][] y = [.. x.Chunk(C).Select(Softmax)];
        Operand.Close([.. y.SelectMany(row => row)], ys.ToArray(), 2e-6);
        Operand.Close(
            [.. y.SelectMany((row, r) => row.Select((p, j) => before[r * C + j]
                + p * (dy[r * C + j] - row.Select((q, k) => q * dy[r * C + k]).Sum())))], dxs.ToArray(), 5e-6);
        Operand.Close([.. dy.Select((v, i) => (double)v + column[i / C])], shifted.ToArray(), 1e-6);
        Operand.Close([.. dy.Chunk(C).Select((row, r) => column[r] + row.Sum(v => (double)v))], sums.ToArray(), 1e-6, floor: Math.Sqrt(C));
    });

    private static double[] Softmax(float[] x)
    {
        double max = x.Max(), sum = double.IsFinite(max) ? x.Sum(v => Math.Exp(v - max)) : 1;
        return [.. x.Select(v => double.IsFinite(v) ? Math.Exp(v - max) / sum : 0)];
    }
}
