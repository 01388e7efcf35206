using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Other extents for the same elements.
public static partial class TensorOps
{
    /// <summary>The same elements in the same order, values and gradient shared, under another shape of as many elements.</summary>
    public static Tensor Reshape(this Tensor x, Shape shape)
    {
        if (shape.Count != x.Shape.Count)
            throw new ArgumentException($"Reshape: {x.Shape} has {x.Shape.Count} elements, {shape} has {shape.Count}.");
        return x.WithShape(shape);
    }
}
