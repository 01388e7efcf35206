using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Tests.Kernels;

/// <summary>
/// A row computed alone equals the row computed among others to the last bit: what the batch around a token holds must not move it.
/// Attention has its own tests of this.
/// </summary>
public unsafe class RowInvarianceTests
{
    private const int Rows = 9;

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(131)]
    public void Pointwise_functions_do_not_depend_on_where_an_element_stands(int C) => Same(C, (x, y, _, rows) =>
    {
        using var w = new Buffer<float>([.. Enumerable.Repeat(Operand.Normal(C, seed: 5), rows).SelectMany(r => r)]);
        new Zip<SiluMultiply>(x, w, y).Run(0, rows * C);
        new MapBackward<Sigmoid>(x, w, x, y).Run(0, rows * C);
    });

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(131)]
    public void RmsNorm_does_not_depend_on_the_other_rows(int C) => Same(C, (x, y, z, rows) =>
    {
        using var w = new Buffer<float>(Operand.Normal(C, seed: 5));
        new RmsNormForward(x, w, y, z, C, 1e-5f).Run(0, rows);
        new RmsNormBackwardInput(x, w, z, y, y, C).Run(0, rows);
    });

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(131)]
    public void Log_softmax_divergence_and_entropy_do_not_depend_on_the_other_rows(int V) => Same(V, (x, y, z, rows) =>
    {
        using Buffer<float> value = new(Operand.Zeros(rows)), logZ = new(Operand.Zeros(rows));
        using var ids = new Buffer<int>([.. Enumerable.Repeat(1, rows)]);
        new GatherLogSoftmaxForward(x, ids, value, logZ, V).Run(0, rows);
        new GatherLogSoftmaxBackward(x, logZ, ids, value, y, V).Run(0, rows);
        new EntropyForward(x, value, logZ, V).Run(0, rows);
        new EntropyBackward(x, logZ, value, value, y, V).Run(0, rows);
        new KlDivergenceForward(x, y, value, logZ, z, V).Run(0, rows);
    });

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(131)]
    public void Softmax_and_sums_of_columns_do_not_depend_on_the_other_rows(int C) => Same(C, (x, y, z, rows) =>
    {
        new SoftmaxForward(x, y, C).Run(0, rows);
        new SoftmaxBackward(y, x, y, C).Run(0, rows);
        new SumColumns(y, z, C).Run(0, rows);
        new AddColumn(y, z, y, C).Run(0, rows);
    });

    [Theory]
    [InlineData(0, 1f)]
    [InlineData(5, 0.9f)]
    public void A_draw_does_not_depend_on_the_other_rows(int topK, float topP) => Same(131, (x, y, z, rows) =>
    {
        using var uniforms = new Buffer<float>([.. Enumerable.Repeat(0.37f, rows)]);
        using var ids = new Buffer<int>(new int[rows]);
        new Sample(x, uniforms, ids, z, 131, 0.8f, topK, topP).Run(0, rows);
        for (int r = 0; r < rows; r++) y.Span[r * 131] = ids.Span[r];
    });

    // The kernels get x and y, (rows, C), and z, (rows); rows of y and z are compared.
    private static void Same(int C, Action<Buffer<float>, Buffer<float>, Buffer<float>, int> kernels)
    {
        float[] x = Operand.Normal(Rows * C, seed: 1), before = Operand.Normal(Rows * C, seed: 2);
        using Buffer<float> xs = new(x), ys = new(before), zs = new(Operand.Zeros(Rows));
        kernels(xs, ys, zs, Rows);
        Assert.False(ys.Span.SequenceEqual(before));
        for (int r = 0; r < Rows; r++)
        {
            using Buffer<float> x1 = new(x[(r * C)..((r + 1) * C)]), y1 = new(before[(r * C)..((r + 1) * C)]), z1 = new(0f);
            kernels(x1, y1, z1, 1);
            Operand.Identical(ys.Span.Slice(r * C, C), y1.Span);
            Operand.Identical(zs.Span.Slice(r, 1), z1.Span);
        }
    }
}
