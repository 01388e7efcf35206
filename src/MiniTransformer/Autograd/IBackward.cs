using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>The backward half of an op: what it saved, and the formula that adds to the gradients of its inputs.</summary>
/// <remarks>
/// An op is a function that computes its result, and a struct that holds what the formula of its gradient needs. y = x² · α, from
/// outside the library:
/// <code>
/// static Tensor ScaledSquare(this Tensor x, float alpha)
/// {
///     Tape tape = Tape.Of("ScaledSquare", x);
///     Tensor y = tape.New(x.Shape, x);                          // takes a gradient if x does
///     tape.Backend.Map&lt;Square&gt;(x.Storage, y.Storage);           // verbs run on every device
///     tape.Backend.Scale(y.Storage, alpha, y.Storage);
///     tape.Record(new ScaledSquareBackward(x, y, alpha));
///     return y;
/// }
///
/// readonly struct ScaledSquareBackward(Tensor x, Tensor y, float alpha) : IBackward
/// {
///     public Tensor Output =&gt; y;
///
///     // dx += 2 α x dy
///     public void Run(IBackend backend)
///     {
///         Tape tape = Tape.Of("ScaledSquare", y);
///         Storage product = tape.Scratch(x.Shape.Count);
///         backend.Zip&lt;Multiply&gt;(x.Storage, y.GradStorage, product);
///         backend.AddScaled(product, 2 * alpha, x.GradStorage);
///     }
/// }
/// </code>
/// A gradient may be reached several times and so is added to, never overwritten. An operand without a gradient has
/// <see cref="Tensor.NeedsGrad"/> false and <see cref="Tensor.GradStorage"/> none. <see cref="GradientCheck"/> compares the two halves.
/// </remarks>
public interface IBackward
{
    /// <summary>The op's result. If no gradient reached it, the op is skipped.</summary>
    Tensor Output { get; }

    /// <summary>Reads the result's gradient and adds to those of the inputs.</summary>
    void Run(IBackend backend);
}
