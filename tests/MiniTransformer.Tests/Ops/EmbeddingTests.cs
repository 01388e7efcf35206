using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Ops;

public class EmbeddingTests
{
    private const int V = 7, C = 5;
    private static readonly GradientInput Table = OpCheck.Normal(new Shape(V, C), seed: 1);

    [DeviceTheory, OnEveryDevice]
    public void Rows_are_picked_and_the_gradient_of_a_row_named_twice_adds_up(string device)
    {
        int[] ids = [3, 0, 3, 6, 3, 1];
        OpCheck.Agrees(
            device, (tape, x) => x[0].Embedding(tape.Ids(ids, new Shape(2, 3))), x =>
                EmbeddingReference.Forward(x[0], ids, C), OpCheck.Few, Table);
        OpCheck.Agrees(
            device, (tape, x) => x[0].Reshape(new Shape(1, V, C)).SelectRows(tape.Ids(ids, new Shape(6))),
            x => EmbeddingReference.Forward(x[0], ids, C), OpCheck.Few, Table);
    }

    [Theory]
    [InlineData(V)]
    [InlineData(-1)]
    public void An_id_outside_the_table_is_refused(int id)
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor table = tape.Variable(Table.Values, Table.Shape);
        TokenIds ids = tape.Ids([0, id, 2], new Shape(3));
        Assert.Equal($"Embedding: token id {id} came; they run from 0 to 6.",
            Assert.Throws<ArgumentException>(() => table.Embedding(ids)).Message);
        Assert.Equal($"SelectRows: row {id} came; they run from 0 to 6.",
            Assert.Throws<ArgumentException>(() => table.SelectRows(ids)).Message);
    }

    [Fact]
    public void The_table_is_a_matrix()
    {
        using Device device = Device.Cpu(1);
        using Tape tape = Tape.Record(device);
        Tensor x = tape.Variable(new float[6], new Shape(6));
        TokenIds ids = tape.Ids([0], new Shape(1));
        Assert.Equal("Embedding: the table has shape (6); a matrix (V, C) is needed.",
            Assert.Throws<ArgumentException>(() => x.Embedding(ids)).Message);
    }
}
