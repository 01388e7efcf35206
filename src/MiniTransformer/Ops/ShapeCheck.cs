using MiniTransformer.Autograd;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>The checks of all ops: an error says which op, what arrived, what was needed.</summary>
internal static class ShapeCheck
{
    public static void Same(string op, in Tensor a, in Tensor b)
    {
        if (a.Shape != b.Shape) throw new ArgumentException($"{op}: the shapes differ: {a.Shape} and {b.Shape}.");
    }

    public static void Is(string op, string name, in Tensor x, Shape needed)
    {
        if (x.Shape != needed) throw new ArgumentException($"{op}: {name} has shape {x.Shape}; {needed} is needed.");
    }

    public static void Rank(string op, string name, in Tensor x, int rank, string form)
    {
        if (x.Shape.Rank != rank) throw new ArgumentException($"{op}: {name} has shape {x.Shape}; {form} is needed.");
    }

    // One number for each row of a shape.
    public static void Column(string op, Shape shape, in Tensor column)
    {
        if (column.Shape.Count != shape.Rows || column.Shape.Last != shape.WithoutLast().Last)
            throw new ArgumentException(
                $"{op}: the column has shape {column.Shape}; {shape.WithoutLast()} is needed, one number for each row of {shape}.");
    }

    // One id per row of x.
    public static void IdPerRow(string op, in Tensor x, in TokenIds ids)
    {
        if (ids.Shape.Count != x.Shape.Rows)
            throw new ArgumentException(
                $"{op}: {x.Shape} has {x.Shape.Rows} rows, but {ids.Shape.Count} ids came; one id a row is needed.");
    }

    // The ids belong to the operand's step and name rows 0 ≤ id < rows. This is the only check: a kernel given another id would read
    // or write foreign memory.
    public static void Ids(string op, string name, in TokenIds ids, int rows, in Tensor operand)
    {
        if (operand.Owner is Tape tape && tape != ids.Owner)
            throw new InvalidOperationException($"{op}: the operands belong to two different steps.");
        if (operand.Owner.Device != ids.Owner.Device)
            throw new ArgumentException(
                $"{op}: the operands are on two devices, {operand.Owner.Device.Name} and {ids.Owner.Device.Name}.");
        if (ids.Shape.Count > 0 && (ids.Smallest < 0 || ids.Largest >= rows))
        {
            int bad = ids.Smallest < 0 ? ids.Smallest : ids.Largest;
            throw new ArgumentException($"{op}: {name} {bad} came; they run from 0 to {rows - 1}.");
        }
    }

    public static void SameDevice(string op, in Tensor a, in Tensor b)
    {
        if (a.Owner.Device != b.Owner.Device)
            throw new ArgumentException($"{op}: the operands are on two devices, {a.Owner.Device.Name} and {b.Owner.Device.Name}.");
    }
}
