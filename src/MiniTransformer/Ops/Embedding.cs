using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Selection of rows.
public static partial class TensorOps
{
    /// <summary>Row i of the result is row idsᵢ of the table: (V, C), ids (..) → (.., C).</summary>
    public static Tensor Embedding(this Tensor table, TokenIds ids)
    {
        ShapeCheck.Rank("Embedding", "the table", table, 2, "a matrix (V, C)");
        int c = table.Shape[1];
        Shape shape = ids.Shape.Rank switch
        {
            1 => new Shape(ids.Shape[0], c),
            2 => new Shape(ids.Shape[0], ids.Shape[1], c),
            _ => throw new ArgumentException($"Embedding: ids of shape {ids.Shape} came; (N) or (B, T) is needed."),
        };
        return Select(table, ids, shape, c, table.Shape[0], "Embedding", "token id");
    }

    /// <summary>
    /// The rows of x that are named, x seen as (rows, C): → (N, C). The loss looks at the response's positions only, and this op
    /// picks them, so that the vocabulary-sized head is computed nowhere else.
    /// </summary>
    public static Tensor SelectRows(this Tensor x, TokenIds rows) =>
        Select(x, rows, new Shape(rows.Shape.Count, x.Shape.Last), x.Shape.Last, x.Shape.Rows, "SelectRows", "row");

    private static Tensor Select(Tensor table, TokenIds ids, Shape shape, int c, int rows, string op, string name)
    {
        ShapeCheck.Ids(op, name, ids, rows, table);
        Tape tape = Tape.Of(op, ids);
        Tensor y = tape.New(shape, table);
        tape.Backend.Embedding(table.Storage, ids.Storage, y.Storage, ids.Shape.Count, c);
        tape.Record(new SelectBackward(table, ids, y, c));
        return y;
    }

    // dtable[idsᵢ] += dyᵢ; rows that are named twice add up, always in the order of i
    private readonly struct SelectBackward(Tensor table, TokenIds ids, Tensor y, int c) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.EmbeddingBackward(ids.Storage, y.GradStorage, table.GradStorage, ids.Shape.Count, c);
    }
}
