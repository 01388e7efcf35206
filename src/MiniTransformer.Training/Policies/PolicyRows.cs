using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>A policy on a batch of responses: one row of logits, Q(s_t, ·), for each response token.</summary>
public static class PolicyRows
{
    /// <summary>The logits that predict the batch's response tokens, (N, V), row i for <see cref="ResponseBatch.Targets"/>[i].</summary>
    public static Tensor Logits(this Transformer model, Tape tape, ResponseBatch batch) => model.Logits(
        tape.Rows(batch.Inputs, batch.InputStarts), tape.Ids(batch.Rows, new Shape(batch.N)));

    /// <summary>The response tokens themselves, (N).</summary>
    public static TokenIds Targets(this Tape tape, ResponseBatch batch) => tape.Ids(batch.Targets, new Shape(batch.N));

    /// <summary>The same logits of a frozen policy: nothing is recorded.</summary>
    public static Tensor FrozenLogits(this Transformer model, Tape tape, ResponseBatch batch)
    {
        using (tape.Pause()) return model.Logits(tape, batch);
    }
}
