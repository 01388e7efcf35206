using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Rows of logits as policies and soft values. The logits of a language model are Q: log-sum-exp of a row is the soft value V(s),
// logit minus log-sum-exp is log π(a|s). All rows (.., V) → (..).
public static partial class TensorOps
{
    /// <summary>
    /// log π(idᵢ | sᵢ) = logits[i, idᵢ] − logZᵢ: SFT is minus its mean, the dense reward a difference of two, DPR its weighted sum.
    /// The log-probabilities of the other tokens are never stored.
    /// </summary>
    public static Tensor GatherLogSoftmax(this Tensor logits, TokenIds ids)
    {
        ShapeCheck.IdPerRow("GatherLogSoftmax", logits, ids);
        ShapeCheck.Ids("GatherLogSoftmax", "token id", ids, logits.Shape.Last, logits);
        Tape tape = Tape.Of("GatherLogSoftmax", logits);
        int rows = logits.Shape.Rows, v = logits.Shape.Last;
        Tensor logProb = tape.New(logits.Shape.WithoutLast(), logits);
        Storage logZ = tape.Scratch(rows);
        tape.Backend.GatherLogSoftmax(logits.Storage, ids.Storage, logProb.Storage, logZ, rows, v);
        tape.Record(new GatherLogSoftmaxBackward(logits, ids, logProb, logZ));
        return logProb;
    }

    /// <summary>V(sᵢ) = log Σ_a exp logits[i, a]: the soft value of each state.</summary>
    public static Tensor LogSumExp(this Tensor logits)
    {
        Tape tape = Tape.Of("LogSumExp", logits);
        Tensor logZ = tape.New(logits.Shape.WithoutLast(), logits);
        tape.Backend.LogSumExp(logits.Storage, logZ.Storage, logits.Shape.Rows, logits.Shape.Last);
        tape.Record(new LogSumExpBackward(logits, logZ));
        return logZ;
    }

    /// <summary>Q(sᵢ, aᵢ) = logits[i, idᵢ].</summary>
    public static Tensor Gather(this Tensor logits, TokenIds ids)
    {
        ShapeCheck.IdPerRow("Gather", logits, ids);
        ShapeCheck.Ids("Gather", "token id", ids, logits.Shape.Last, logits);
        Tape tape = Tape.Of("Gather", logits);
        Tensor y = tape.New(logits.Shape.WithoutLast(), logits);
        tape.Backend.Gather(logits.Storage, ids.Storage, y.Storage, logits.Shape.Rows, logits.Shape.Last);
        tape.Record(new GatherBackward(logits, ids, y));
        return y;
    }

    // dlogits += dlogProb · (onehot(id) − softmax)       saved: logZ per row
    private readonly struct GatherLogSoftmaxBackward(Tensor logits, TokenIds ids, Tensor logProb, Storage logZ) : IBackward
    {
        public Tensor Output => logProb;

        public void Run(IBackend backend) => backend.GatherLogSoftmaxBackward(
            logits.Storage, logZ, ids.Storage, logProb.GradStorage, logits.GradStorage, logits.Shape.Rows, logits.Shape.Last);
    }

    // dlogits += dlogZ · softmax
    private readonly struct LogSumExpBackward(Tensor logits, Tensor logZ) : IBackward
    {
        public Tensor Output => logZ;

        public void Run(IBackend backend) =>
            backend.LogSumExpBackward(logits.Storage, logZ.Storage, logZ.GradStorage, logits.GradStorage, logits.Shape.Rows,
                logits.Shape.Last);
    }

    // dlogits[i, idᵢ] += dyᵢ
    private readonly struct GatherBackward(Tensor logits, TokenIds ids, Tensor y) : IBackward
    {
        public Tensor Output => y;

        public void Run(IBackend backend) =>
            backend.GatherBackward(ids.Storage, y.GradStorage, logits.GradStorage, logits.Shape.Rows, logits.Shape.Last);
    }
}
