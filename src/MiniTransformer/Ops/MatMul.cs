using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Matrix products.
public static partial class TensorOps
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
            throw new ArgumentException(
                $"Linear: the input {x.Shape} has {x.Shape.Last} channels, the weight {w.Shape} takes {w.Shape[1]}.{hint}");
        }

        Tape tape = Tape.Of("Linear", x, w);
        int m = x.Shape.Rows, n = w.Shape[0], k = w.Shape[1];
        Tensor y = tape.New(x.Shape.WithLast(n), x, w);
        Multiply(tape, x, w, y, m, n, k);
        tape.Record(new LinearBackward(x, w, y, m, n, k));
        return y;
    }

    /// <summary>
    /// Two linear layers into one sum, x · wᵀ + z · bᵀ: (.., K) × (N, K) + (.., R) × (N, R) → (.., N), without the two terms in memory.
    /// </summary>
    internal static Tensor LinearPlus(this Tensor x, Tensor w, Tensor z, Tensor b)
    {
        Tape tape = Tape.Of("LinearPlus", x, z);
        int m = x.Shape.Rows, n = w.Shape[0], k = w.Shape[1], r = b.Shape[1];
        Tensor y = tape.New(x.Shape.WithLast(n), [x, w, z, b]);
        Multiply(tape, x, w, y, m, n, k);
        tape.Backend.MatMul(GemmForm.NT, z.Storage, b.Storage, y.Storage, m, n, r, accumulate: true);
        tape.Record(new LinearPlusBackward(x, w, z, b, y, m, n, k, r));
        return y;
    }

    // y = x·wᵀ, where few rows and no gradient come by the layout that the weight has for that.
    private static void Multiply(Tape tape, Tensor x, Tensor w, Tensor y, int m, int n, int k)
    {
        if (!tape.Recording && m <= FewRows && w.Owner is Parameter weight && w.Shape == weight.Shape)
            tape.Backend.LinearPacked(x.Storage, w.Storage, y.Storage, m, n, k, weight.Packed, weight.Version);
        else
            tape.Backend.MatMul(GemmForm.NT, x.Storage, w.Storage, y.Storage, m, n, k, accumulate: false);
    }

    /// <summary>
    /// For each matrix of a batch a·b, a·bᵀ or aᵀ·b: (.., M, K) × (.., K, N) → (.., M, N), all dimensions before the last two being the
    /// batch.
    /// </summary>
    /// <param name="a">(.., M, K), or (.., K, M) where the form transposes it (TN).</param>
    /// <param name="b">As many matrices, (.., K, N), or (.., N, K) where the form transposes it (NT).</param>
    /// <param name="form">Which operand is transposed: none (NN), the left (TN) or the right (NT).</param>
    public static Tensor BatchMatMul(this Tensor a, Tensor b, GemmForm form = GemmForm.NN)
    {
        int rank = a.Shape.Rank;
        if (rank < 3 || b.Shape.Rank != rank)
            throw new ArgumentException(
                $"BatchMatMul: {a.Shape} and {b.Shape} came; two batches of matrices, (B, M, K) or (A, B, M, K), are needed.");
        (int m, int k) = (a.Shape[rank - 2], a.Shape.Last);
        (int kb, int n) = (b.Shape[rank - 2], b.Shape.Last);
        if (form == GemmForm.TN) (m, k) = (k, m);
        if (form == GemmForm.NT) (kb, n) = (n, kb);
        for (int i = 0; i < rank - 2; i++)
        {
            if (a.Shape[i] != b.Shape[i]) throw new ArgumentException($"BatchMatMul: the batches differ: {a.Shape} and {b.Shape}.");
        }

        if (k != kb)
            throw new ArgumentException($"BatchMatMul: inner dimensions differ: {a.Shape} × {b.Shape} in the form {form}; {k} ≠ {kb}.");
        ShapeCheck.SameDevice("BatchMatMul", a, b);
        Tape tape = Tape.Of("BatchMatMul", a, b);
        Shape shape = rank == 3 ? new Shape(a.Shape[0], m, n) : new Shape(a.Shape[0], a.Shape[1], m, n);
        Tensor y = tape.New(shape, a, b);
        int batch = rank == 3 ? a.Shape[0] : a.Shape[0] * a.Shape[1];
        tape.Backend.MatMulBatch(form, a.Storage, b.Storage, y.Storage, batch, m, n, k, accumulate: false);
        tape.Record(new BatchMatMulBackward(a, b, y, form, batch, m, n, k));
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

    // y = x·wᵀ + z·bᵀ:   the gradients of both terms
    private readonly struct LinearPlusBackward(Tensor x, Tensor w, Tensor z, Tensor b, Tensor y, int m, int n, int k, int r) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            new LinearBackward(x, w, y, m, n, k).Run(backend);
            new LinearBackward(z, b, y, m, n, r).Run(backend);
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

    // y = a·b:    da += dy·bᵀ   db += aᵀ·dy
    // y = a·bᵀ:   da += dy·b    db += dyᵀ·a
    // y = aᵀ·b:   da += b·dyᵀ   db += a·dy
    private readonly struct BatchMatMulBackward(Tensor a, Tensor b, Tensor y, GemmForm form, int batch, int m, int n, int k) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend)
        {
            Storage dy = y.GradStorage;
            if (a.NeedsGrad)
            {
                Storage da = a.TakeGradStorage(out bool add);
                if (form == GemmForm.TN) backend.MatMulBatch(GemmForm.NT, b.Storage, dy, da, batch, k, m, n, add);
                else backend.MatMulBatch(form == GemmForm.NN ? GemmForm.NT : GemmForm.NN, dy, b.Storage, da, batch, m, k, n, add);
            }

            if (b.NeedsGrad)
            {
                Storage db = b.TakeGradStorage(out bool add);
                if (form == GemmForm.NT) backend.MatMulBatch(GemmForm.TN, dy, a.Storage, db, batch, n, k, m, add);
                else backend.MatMulBatch(form == GemmForm.NN ? GemmForm.TN : GemmForm.NN, a.Storage, dy, db, batch, k, n, m, add);
            }
        }
    }
}
