using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class EmbeddingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(64)]
    [InlineData(131)]
    public void Forward_selects_rows_and_backward_adds_to_them(int C)
    {
        const int rows = 11, V = 5; // ids repeat
        float[] table = Operand.Normal(V * C, seed: 1), dy = Operand.Normal(rows * C, seed: 2), before = Operand.Normal(V * C, seed: 3);
        int[] ids = Operand.Ids(rows, V, seed: 4);
        using Buffer<float> tables = new(table), ys = new(Operand.Zeros(rows * C)), dys = new(dy), dtables = new(before);
        using var pids = new Buffer<int>(ids);
        new EmbeddingForward(tables, pids, ys, C).Run(0, rows);
        new EmbeddingBackward(pids, rows, dys, dtables, C).Run(0, (C + EmbeddingBackward.BlockSize - 1) / EmbeddingBackward.BlockSize);

        Operand.Close(EmbeddingReference.Forward(table.Doubles(), ids, C), ys.ToArray(), tolerance: 0);
        double[] dtable = before.Doubles();
        for (int i = 0; i < dy.Length; i++) dtable[ids[i / C] * C + i % C] += dy[i];
        Operand.Close(dtable, dtables.ToArray(), 1e-6); // sums of at most 12 terms near 1
    }

    [Fact]
    public void Gather_picks_one_element_a_row_and_backward_adds_to_it()
    {
        const int rows = 7, V = 5;
        float[] x = Operand.Normal(rows * V, seed: 1), dy = Operand.Normal(rows, seed: 2);
        int[] ids = Operand.Ids(rows, V, seed: 3);
        using Buffer<float> xs = new(x), ys = new(Operand.Zeros(rows)), dys = new(dy), dxs = new(x);
        using var pids = new Buffer<int>(ids);
        new GatherForward(xs, pids, ys, V).Run(0, rows);
        new GatherBackward(pids, dys, dxs, V).Run(0, rows);

        Operand.Identical([.. ids.Select((id, r) => x[r * V + id])], ys.Span);
        Operand.Identical([.. x.Select((v, i) => i % V == ids[i / V] ? v + dy[i / V] : v)], dxs.Span);
    }
}
