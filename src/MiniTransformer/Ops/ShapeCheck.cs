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

    // One id per row of x.
    public static void IdPerRow(string op, in Tensor x, in TokenIds ids)
    {
        if (ids.Shape.Count != x.Shape.Rows)
            throw new ArgumentException($"{op}: {x.Shape} has {x.Shape.Rows} rows, but {ids.Shape.Count} ids came; one id a row is needed.");
    }

    public static void SameDevice(string op, in Tensor a, in Tensor b)
    {
        if (a.Owner.Device != b.Owner.Device)
            throw new ArgumentException($"{op}: the operands are on two devices, {a.Owner.Device.Name} and {b.Owner.Device.Name}.");
    }
}
