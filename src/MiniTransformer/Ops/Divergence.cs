using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Tensors;

namespace MiniTransformer.Ops;

// Exact divergence and entropy of each state's policy over the whole vocabulary, from rows of logits.
public static partial class TensorOps
{
    /// <summary>KL(softmax(logits) ‖ softmax(reference)) = Σ_a p_a (log p_a − log q_a), in nats, per row.</summary>
    /// <param name="logits">The policy's logits, (.., V).</param>
    /// <param name="reference">The other policy's, of the same shape; a constant.</param>
    public static Tensor KlDivergence(this Tensor logits, Tensor reference)
    {
        ShapeCheck.Same("KlDivergence", logits, reference);
        if (reference.NeedsGrad)
            throw new ArgumentException(
                "KlDivergence: the reference takes no gradient; compute it within tape.Pause() or from a frozen model.");
        Tape tape = Tape.Of("KlDivergence", logits, reference);
        int rows = logits.Shape.Rows;
        Tensor kl = tape.New(logits.Shape.WithoutLast(), logits);
        Storage logZ = tape.Scratch(rows), referenceLogZ = tape.Scratch(rows);
        tape.Backend.KlDivergence(logits.Storage, reference.Storage, kl.Storage, logZ, referenceLogZ, rows, logits.Shape.Last);
        tape.Record(new KlBackward(logits, reference, kl, logZ, referenceLogZ));
        return kl;
    }

    /// <summary>H = −Σ_a p_a log p_a, in nats, per row.</summary>
    public static Tensor Entropy(this Tensor logits)
    {
        Tape tape = Tape.Of("Entropy", logits);
        int rows = logits.Shape.Rows;
        Tensor entropy = tape.New(logits.Shape.WithoutLast(), logits);
        Storage logZ = tape.Scratch(rows);
        tape.Backend.Entropy(logits.Storage, entropy.Storage, logZ, rows, logits.Shape.Last);
        tape.Record(new EntropyBackward(logits, entropy, logZ));
        return entropy;
    }

    // dlogits_a += dkl · p_a (log p_a − log q_a − KL)
    private readonly struct KlBackward(Tensor logits, Tensor reference, Tensor kl, Storage logZ, Storage referenceLogZ) : IBackward
    {
        public Tensor Output => kl;

        public void Run(IBackend backend) => backend.KlDivergenceBackward(
            logits.Storage, logZ, reference.Storage, referenceLogZ, kl.Storage, kl.GradStorage, logits.GradStorage, logits.Shape.Rows,
            logits.Shape.Last);
    }

    // dlogits_a += −dH · p_a (log p_a + H)
    private readonly struct EntropyBackward(Tensor logits, Tensor entropy, Storage logZ) : IBackward
    {
        public Tensor Output => entropy;

        public void Run(IBackend backend) => backend.EntropyBackward(
            logits.Storage, logZ, entropy.Storage, entropy.GradStorage, logits.GradStorage, logits.Shape.Rows, logits.Shape.Last);
    }
}
