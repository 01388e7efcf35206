using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Autograd;

/// <summary>A part of a model, a function from a tensor to a tensor, that can be run twice.</summary>
internal interface IRecomputable
{
    // The shape of the result.
    Shape ShapeOf(Tensor x);

    Tensor Forward(Tensor x);
}

/// <summary>
/// Trades time for memory (T. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016): the forward pass of a part keeps
/// only its result; the backward pass runs the part again, this time recorded, and then backward through it. The second run computes
/// the same bits, so the gradients are the same bits.
/// </summary>
internal static class Recompute
{
    /// <summary>part(x), without keeping what is inside.</summary>
    public static Tensor Run<TPart>(Tensor x, in TPart part)
        where TPart : struct, IRecomputable
    {
        Tape tape = Tape.Of("Recompute", x);
        Tensor y = tape.New(part.ShapeOf(x), needsGrad: true);
        Arena.Mark mark = tape.Arena.Here;
        using (tape.Pause()) tape.Backend.Copy(part.Forward(x).Storage, y.Storage);
        tape.Arena.Release(mark);
        tape.Record(new RecomputeBackward<TPart>(tape, x, y, part));
        return y;
    }

    private readonly struct RecomputeBackward<TPart>(Tape tape, Tensor x, Tensor y, TPart part) : IBackward
        where TPart : struct, IRecomputable
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Storage dy = y.GradStorage, dx = x.GradStorage; // taken before the mark: they outlive the second run
            Arena.Mark mark = tape.Arena.Here;
            Tape.Frame frame = tape.OpenFrame();
            Tensor input = tape.Wrap(x.Storage, x.Shape, needsGrad: true);
            Tensor output = part.Forward(input);
            backend.Copy(dy, output.TakeGradStorage(out _));
            tape.BackwardTo(frame);
            if (!dx.IsNone) backend.AddScaled(input.GradStorage, 1, dx);
            tape.CloseFrame(frame);
            tape.Arena.Release(mark);
        }
    }
}
