using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// What is done to rows and columns of (.., C), all dimensions but the last seen as rows. A row is a tensor (C), a column one with a
// number a row, (..).
// A sum's gradient is a broadcast, and a broadcast's gradient a sum.
public static partial class TensorOps
{
    /// <summary>yᵣᵢ = xᵣᵢ + rowᵢ: the row is added to every row.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="row">(C).</param>
    public static Tensor AddRow(this Tensor x, Tensor row)
    {
        ShapeCheck.Is("AddRow", "the row", row, new Shape(x.Shape.Last));
        ShapeCheck.SameDevice("AddRow", x, row);
        Tape tape = Tape.Of("AddRow", x, row);
        Tensor y = tape.New(x.Shape, x, row);
        tape.Backend.AddRow(x.Storage, row.Storage, y.Storage, x.Shape.Rows, x.Shape.Last);
        tape.Record(new AddRowBackward(x, row, y));
        return y;
    }

    /// <summary>yᵣᵢ = xᵣᵢ + columnᵣ: the column is added to every column.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="column">(..): a number a row.</param>
    public static Tensor AddColumn(this Tensor x, Tensor column)
    {
        ShapeCheck.Column("AddColumn", x.Shape, column);
        ShapeCheck.SameDevice("AddColumn", x, column);
        Tape tape = Tape.Of("AddColumn", x, column);
        Tensor y = tape.New(x.Shape, x, column);
        tape.Backend.AddColumn(x.Storage, column.Storage, y.Storage, x.Shape.Rows, x.Shape.Last);
        tape.Record(new AddColumnBackward(x, column, y));
        return y;
    }

    /// <summary>yᵣᵢ = xᵣᵢ · rowᵢ.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="row">(C).</param>
    public static Tensor MultiplyRow(this Tensor x, Tensor row) => x * Tape.Of("MultiplyRow", x, row).BroadcastRow(row, x.Shape);

    /// <summary>yᵣᵢ = xᵣᵢ · columnᵣ.</summary>
    /// <param name="x">(.., C).</param>
    /// <param name="column">(..): a number a row.</param>
    public static Tensor MultiplyColumn(this Tensor x, Tensor column) =>
        x * Tape.Of("MultiplyColumn", x, column).BroadcastColumn(column, x.Shape);

    /// <summary>yᵢ = Σᵣ xᵣᵢ: the sum of the rows, (.., C) → (C).</summary>
    public static Tensor SumRows(this Tensor x)
    {
        Tape tape = Tape.Of("SumRows", x);
        Tensor y = tape.New(new Shape(x.Shape.Last), x);
        tape.Backend.Fill(y.Storage, 0);
        tape.Backend.SumRows(x.Storage, y.Storage, x.Shape.Rows, x.Shape.Last);
        tape.Record(new SumRowsBackward(x, y));
        return y;
    }

    /// <summary>yᵣ = Σᵢ xᵣᵢ: the sum of the columns, (.., C) → (..).</summary>
    public static Tensor SumColumns(this Tensor x)
    {
        Tape tape = Tape.Of("SumColumns", x);
        Tensor y = tape.New(x.Shape.WithoutLast(), x);
        tape.Backend.Fill(y.Storage, 0);
        tape.Backend.SumColumns(x.Storage, y.Storage, x.Shape.Rows, x.Shape.Last);
        tape.Record(new SumColumnsBackward(x, y));
        return y;
    }

    /// <summary>The mean of the rows, (.., C) → (C).</summary>
    public static Tensor MeanRows(this Tensor x) => x.SumRows().Scale(1f / x.Shape.Rows);

    /// <summary>The mean of the columns, (.., C) → (..): each row's own.</summary>
    public static Tensor MeanColumns(this Tensor x) => x.SumColumns().Scale(1f / x.Shape.Last);

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

    /// <summary>The row in every row of a shape, (C) → (.., C). On a tape, for a parameter is an operand too.</summary>
    public static Tensor BroadcastRow(this Tape tape, Tensor row, Shape shape)
    {
        ShapeCheck.Is("BroadcastRow", "the row", row, new Shape(shape.Last));
        Tensor y = tape.New(shape, row);
        tape.Backend.Fill(y.Storage, 0);
        tape.Backend.AddRow(y.Storage, row.Storage, y.Storage, shape.Rows, shape.Last);
        tape.Record(new AddRowBackward(default, row, y));
        return y;
    }

    /// <summary>The column in every column of a shape, (..) → (.., C).</summary>
    public static Tensor BroadcastColumn(this Tape tape, Tensor column, Shape shape)
    {
        ShapeCheck.Column("BroadcastColumn", shape, column);
        Tensor y = tape.New(shape, column);
        tape.Backend.Fill(y.Storage, 0);
        tape.Backend.AddColumn(y.Storage, column.Storage, y.Storage, shape.Rows, shape.Last);
        tape.Record(new AddColumnBackward(default, column, y));
        return y;
    }

    // dx += dy,   drow += the sum of dy's rows
    private readonly struct AddRowBackward(Tensor x, Tensor row, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            if (x.NeedsGrad) backend.AddScaled(y.GradStorage, 1, x.GradStorage);
            if (row.NeedsGrad) backend.SumRows(y.GradStorage, row.GradStorage, y.Shape.Rows, y.Shape.Last);
        }
    }

    // dx += dy,   dcolumn += the sum of dy's columns
    private readonly struct AddColumnBackward(Tensor x, Tensor column, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            if (x.NeedsGrad) backend.AddScaled(y.GradStorage, 1, x.GradStorage);
            if (column.NeedsGrad) backend.SumColumns(y.GradStorage, column.GradStorage, y.Shape.Rows, y.Shape.Last);
        }
    }

    // dxᵣᵢ += dyᵢ
    private readonly struct SumRowsBackward(Tensor x, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.AddRow(x.GradStorage, y.GradStorage, x.GradStorage, x.Shape.Rows, x.Shape.Last);
    }

    // dxᵣᵢ += dyᵣ
    private readonly struct SumColumnsBackward(Tensor x, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.AddColumn(x.GradStorage, y.GradStorage, x.GradStorage, x.Shape.Rows, x.Shape.Last);
    }

    // Centring is a projection and its own transpose: dx += dy − mean(dy)
    private readonly struct CentreBackward(Tensor x, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) => backend.Centre(y.GradStorage, x.GradStorage, x.Shape.Rows, x.Shape.Last, accumulate: true);
    }
}
