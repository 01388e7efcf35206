using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>What is done to each row of C channels.</summary>
public static class RowOps
{
    /// <summary>yᵢ = xᵢ + bᵢ in every row.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="row">(C).</param>
    public static Tensor AddRow(this Tensor x, Tensor row)
    {
        int c = x.Shape.Last, rows = x.Shape.Rows;
        ShapeCheck.Is("AddRow", "the row", row, new Shape(c));
        ShapeCheck.SameDevice("AddRow", x, row);
        Tape tape = Tape.Of("AddRow", x, row);
        Tensor y = tape.New(x.Shape, x, row);
        tape.Backend.AddRow(x.Storage, row.Storage, y.Storage, rows, c);
        tape.Record(new AddRowBackward(x, row, y, rows, c));
        return y;
    }

    /// <summary>yᵢ = xᵢ − mean(x), per row.</summary>
    /// <param name="x">(.., C).</param>
    public static Tensor Centre(this Tensor x)
    {
        Tape tape = Tape.Of("Centre", x);
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Centre(x.Storage, y.Storage, x.Shape.Rows, x.Shape.Last, accumulate: false);
        tape.Record(new CentreBackward(x, y));
        return y;
    }

    // dx += dy,   db += Σ_rows dy
    private readonly struct AddRowBackward(Tensor x, Tensor row, Tensor y, int rows, int c) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            if (x.NeedsGrad) backend.AddScaled(y.GradStorage, 1, x.GradStorage);
            if (row.NeedsGrad) backend.SumRows(y.GradStorage, row.GradStorage, rows, c);
        }
    }

    // Centring is a projection and its own transpose: dx += dy − mean(dy)
    private readonly struct CentreBackward(Tensor x, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.Centre(y.GradStorage, x.GradStorage, x.Shape.Rows, x.Shape.Last, accumulate: true);
    }
}
