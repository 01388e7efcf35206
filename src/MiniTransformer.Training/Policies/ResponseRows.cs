using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>A policy on a batch of responses: one row for each response token, the state that the token was chosen in.</summary>
public static class ResponseRows
{
    /// <summary>The policy at the batch's response tokens, row i for <see cref="ResponseBatch.Targets"/>[i].</summary>
    public static PolicyRows Rows(this Transformer model, Tape tape, ResponseBatch batch) =>
        model.Policy(tape.Rows(batch.Inputs, batch.InputStarts), tape.Ids(batch.Rows, new Shape(batch.N)));

    /// <summary>Its logits, (N, V), all at once: for whoever has the memory.</summary>
    public static Tensor Logits(this Transformer model, Tape tape, ResponseBatch batch) => model.Rows(tape, batch).Logits();

    /// <summary>The same of a frozen policy: nothing is recorded.</summary>
    public static PolicyRows FrozenRows(this Transformer model, Tape tape, ResponseBatch batch)
    {
        using (tape.Pause()) return model.Rows(tape, batch);
    }

    /// <summary>The response tokens themselves, (N).</summary>
    public static TokenIds Targets(this Tape tape, ResponseBatch batch) => tape.Ids(batch.Targets, new Shape(batch.N));

    /// <summary>log (1/K) Σ_k π_k of several frozen policies at a batch's response tokens; see <see cref="PolicyRows.Mean"/>.</summary>
    internal static PolicyRows Mean(this IReadOnlyList<Transformer> policies, Tape tape, ResponseBatch batch)
    {
        using (tape.Pause()) return PolicyRows.Mean([.. policies.Select(p => p.Rows(tape, batch))]);
    }
}
