using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Softmax over the last dimension.
public static partial class TensorOps
{
    /// <summary>yⱼ = e^xⱼ / Σₖ e^xₖ, per row, the maximum subtracted first: (.., C) → (.., C).</summary>
    /// <remarks>
    /// A −∞ element is a forbidden one and becomes 0, as a causal mask wants it; a row of −∞ alone becomes 0 throughout.
    /// </remarks>
    public static Tensor Softmax(this Tensor x)
    {
        Tape tape = Tape.Of("Softmax", x);
        Tensor y = tape.New(x.Shape, x);
        tape.Backend.Softmax(x.Storage, y.Storage, x.Shape.Rows, x.Shape.Last);
        tape.Record(new SoftmaxBackward(x, y));
        return y;
    }

    // dxⱼ += yⱼ (dyⱼ − ⟨y, dy⟩)
    private readonly struct SoftmaxBackward(Tensor x, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) =>
            backend.SoftmaxBackward(y.Storage, y.GradStorage, x.GradStorage, x.Shape.Rows, x.Shape.Last);
    }
}
