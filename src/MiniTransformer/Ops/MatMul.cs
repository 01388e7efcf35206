using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

/// <summary>Matrix products.</summary>
public static class MatMulOps
{
    // Below this number of rows a product with a fixed weight is bound by reading the weight, and worth a layout of its own.
    private const int FewRows = 256;

    /// <summary>x · w: (.., K) × (K, N) → (.., N).</summary>
    public static Tensor MatMul(this Tensor x, Tensor w)
    {
        ShapeCheck.Rank("MatMul", "the right operand", w, 2, "a matrix (K, N)");
        ShapeCheck.SameDevice("MatMul", x, w);
        if (x.Shape.Last != w.Shape[0])
        {
            string hint = x.Shape.Last == w.Shape[1] ? " Did you mean x.Linear(w), which multiplies by wᵀ?" : "";
            throw new ArgumentException($"MatMul: inner dimensions differ: {x.Shape} × {w.Shape}; {x.Shape.Last} ≠ {w.Shape[0]}.{hint}");
        }

        Tape tape = Tape.Of("MatMul", x, w);
        int m = x.Shape.Rows, k = w.Shape[0], n = w.Shape[1];
        Tensor y = tape.New(x.Shape.WithLast(n), x, w);
        tape.Backend.MatMul(GemmForm.NN, x.Storage, w.Storage, y.Storage, m, n, k, accumulate: false);
        tape.Record(new MatMulBackward(x, w, y, m, n, k));
        return y;
    }

    /// <summary>A linear layer without bias, x · wᵀ: (.., K) × (N, K) → (.., N).</summary>
    public static Tensor Linear(this Tensor x, Tensor w)
    {
        ShapeCheck.Rank("Linear", "the weight", w, 2, "a matrix (out, in)");
        ShapeCheck.SameDevice("Linear", x, w);
        if (x.Shape.Last != w.Shape[1])
        {
            string hint = x.Shape.Last == w.Shape[0] ? " Did you mean x.MatMul(w), without the transpose?" : "";
            throw new ArgumentException($"Linear: the input {x.Shape} has {x.Shape.Last} channels, the weight {w.Shape} takes {w.Shape[1]}.{hint}");
        }

        Tape tape = Tape.Of("Linear", x, w);
        int m = x.Shape.Rows, n = w.Shape[0], k = w.Shape[1];
        Tensor y = tape.New(x.Shape.WithLast(n), x, w);
        if (!tape.Recording && m <= FewRows && w.Owner is Parameter weight && w.Shape == weight.Shape)
            tape.Backend.LinearPacked(x.Storage, w.Storage, y.Storage, m, n, k, weight.Packed, weight.Version);
        else
            tape.Backend.MatMul(GemmForm.NT, x.Storage, w.Storage, y.Storage, m, n, k, accumulate: false);
        tape.Record(new LinearBackward(x, w, y, m, n, k));
        return y;
    }

    // y = x·w:   dx += dy·wᵀ,   dw += xᵀ·dy
    private readonly struct MatMulBackward(Tensor x, Tensor w, Tensor y, int m, int n, int k) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            if (x.NeedsGrad) backend.MatMul(GemmForm.NT, y.GradStorage, w.Storage, x.TakeGradStorage(out bool addX), m, k, n, addX);
            if (w.NeedsGrad) backend.MatMul(GemmForm.TN, x.Storage, y.GradStorage, w.TakeGradStorage(out bool addW), k, n, m, addW);
        }
    }

    // y = x·wᵀ:   dx += dy·w,   dw += dyᵀ·x
    private readonly struct LinearBackward(Tensor x, Tensor w, Tensor y, int m, int n, int k) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            if (x.NeedsGrad) backend.MatMul(GemmForm.NN, y.GradStorage, w.Storage, x.TakeGradStorage(out bool addX), m, k, n, addX);
            if (w.NeedsGrad) backend.MatMul(GemmForm.TN, y.GradStorage, x.Storage, w.TakeGradStorage(out bool addW), n, k, m, addW);
        }
    }
}
