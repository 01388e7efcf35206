using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Sums to one number, added up in double in a fixed order.
public static partial class TensorOps
{
    /// <summary>Σ xᵢ.</summary>
    public static Tensor Sum(this Tensor x) => Dot(x, default, 1f, "Sum");

    /// <summary>Σ xᵢ / n.</summary>
    public static Tensor Mean(this Tensor x) => Dot(x, default, 1f / x.Shape.Count, "Mean");

    /// <summary>
    /// scale · Σ wᵢ xᵢ with fixed weights: the form of every loss here. The weights carry masks, returns or advantages; the scale is
    /// one over the number that the loss is divided by.
    /// </summary>
    public static Tensor WeightedSum(this Tensor x, Tensor weights, float scale = 1f)
    {
        ShapeCheck.Same("WeightedSum", x, weights);
        if (weights.NeedsGrad)
            throw new ArgumentException("WeightedSum: the weights are constants and take no gradient; use (x * w).Sum() for that.");
        return Dot(x, weights, scale, "WeightedSum");
    }

    private static Tensor Dot(Tensor x, Tensor weights, float scale, string op)
    {
        Tape tape = Tape.Of(op, x, weights);
        Tensor sum = tape.New(new Shape(1), x);
        Storage w = weights.IsNone ? default : weights.Storage;
        tape.Backend.Dot(x.Storage, w, sum.Storage);
        if (scale != 1f) tape.Backend.Scale(sum.Storage, scale, sum.Storage);
        tape.Record(new DotBackward(x, weights, sum, scale));
        return sum;
    }

    // y = α Σ wᵢ xᵢ:   dxᵢ += dy α wᵢ
    private readonly struct DotBackward(Tensor x, Tensor weights, Tensor y, float scale) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) =>
            backend.DotBackward(y.GradStorage, scale, weights.IsNone ? default : weights.Storage, x.GradStorage);
    }
}
