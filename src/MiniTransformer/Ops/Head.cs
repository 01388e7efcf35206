using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>
/// The head of a language model, from hidden rows to rows of logits: a <see cref="TensorOps.Linear"/> whose rows may come in pieces.
/// </summary>
internal static class HeadOps
{
    /// <summary>
    /// Rows whose part of the weight's gradient is one sum; pieces are whole multiples of it. So the gradient adds up in one order, in
    /// whatever pieces the rows come:
    /// dw = ((dw + Σ rows 0 … 255) + Σ rows 256 … 511) + …
    /// </summary>
    public const int BlockRows = 256;

    /// <summary>x · wᵀ: (N, C) × (V, C) → (N, V).</summary>
    public static Tensor Head(this Tensor x, Tensor w)
    {
        Tape tape = Tape.Of("Head", x, w);
        if (!tape.Recording) return x.Linear(w);
        Tensor y = tape.New(x.Shape.WithLast(w.Shape[0]), x, w);
        tape.Backend.MatMul(GemmForm.NT, x.Storage, w.Storage, y.Storage, x.Shape.Rows, w.Shape[0], w.Shape[1], accumulate: false);
        tape.Record(new HeadBackward(x, w, y));
        return y;
    }

    /// <summary>dx = dy·w, or += it, and dw += dyᵀ·x for some rows; a gradient that is not needed is <c>default</c>.</summary>
    public static void Gradients(IBackend backend, Storage x, Storage w, Storage dy, Storage dx, bool addX, Storage dw, int rows, int v,
        int c)
    {
        if (!dx.IsNone) backend.MatMul(GemmForm.NN, dy, w, dx, rows, c, v, addX);
        for (int row = 0; row < rows && !dw.IsNone; row += BlockRows)
        {
            int n = Math.Min(BlockRows, rows - row);
            backend.MatMul(GemmForm.TN, dy.Slice(row * v, n * v), x.Slice(row * c, n * c), dw, v, c, n, accumulate: true);
        }
    }

    private readonly struct HeadBackward(Tensor x, Tensor w, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            bool add = false;
            Storage dx = x.NeedsGrad ? x.TakeGradStorage(out add) : default;
            Gradients(backend, x.Storage, w.Storage, y.GradStorage, dx, add, w.GradStorage, x.Shape.Rows, w.Shape[0], w.Shape[1]);
        }
    }
}
