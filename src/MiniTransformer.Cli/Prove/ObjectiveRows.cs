using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// T1, T2: P1 and P2 through the transformer and the tape. The objective is computed from the soft values of the next states, the SFT loss
/// by cross-entropy, which never looks at them; the gradients go through all parameters, and also equal the theory's, taken there by the
/// tape.
/// </summary>
internal sealed class ObjectiveRows(Formulas formulas)
{
    private const string ChiSquared = "φ = χ²", Discounted = "γ = 0.9", Kept = "V(s_T) kept";

    private readonly Tally value = new("T1", "J(Q_θ) = −L_SFT(θ)");
    private readonly Tally gradient = new("T2", "∇_θ J(Q_θ) = −∇_θ L_SFT(θ), every parameter");

    /// <summary>The two rows.</summary>
    public ProofRow[] Rows => [value.Row(), gradient.Row()];

    /// <summary>Checks one case.</summary>
    public void Check(PolicyCase at)
    {
        (Transformer policy, ResponseBatch batch) = (at.Policy, at.Batch);
        (double sft, float[][] sftGradient) = Gradients.Of(policy, batch, formulas.Sft);

        // What cancels: Σ Q_t − Σ V_t, and their gradients. The value's size is that of mean |V|.
        (_, float[][] termGradient) = Gradients.Of(policy, batch, (tape, rows, b, scale) => rows.Q(tape.Targets(b)).Sum().Scale(scale));
        double terms = MeanSoftValue(policy, batch);

        (double Value, double Gradient) Errors(Loss loss)
        {
            (double other, float[][] otherGradient) = Gradients.Of(policy, batch, loss);
            return (Gradients.Relative(Math.Abs(other - sft), Math.Abs(sft), terms),
                Gradients.Error(sftGradient, otherGradient, termGradient));
        }

        bool hasNext = batch.N > batch.B; // some response has two tokens, so that a discount shows
        (double Value, double Gradient) error = Errors(formulas.InverseQ), theory = Errors(TheoryOf(batch));
        (double Value, double Gradient) chiSquared = Errors(new Objective(ObjectiveKind.InverseQChi2).Loss);
        (double Value, double Gradient)? discounted = hasNext ? Errors(new Objective(ObjectiveKind.InverseQ, Gamma: 0.9).Loss) : null;
        Example[] ended = [.. batch.Examples.Where(e => e.ResponseIds.Length > 0 && e.Positions < policy.Config.MaxPositions)];
        (double Value, double Gradient)? kept = ended.Length > 0 ? Errors(WithTail(policy, ended)) : null;
        value.Add(error.Value, (ChiSquared, chiSquared.Value), (Discounted, discounted?.Value), (Kept, kept?.Value));
        gradient.Add(Math.Max(error.Gradient, theory.Gradient), (ChiSquared, chiSquared.Gradient), (Discounted, discounted?.Gradient),
            (Kept, kept?.Gradient));
    }

    // ⟨dL/dlogits, logits⟩ with dL/dlogits from the theory, in double: a third way to the gradient, for on the tape the other two share
    // their softmax. (Its value means nothing.)
    private static Loss TheoryOf(ResponseBatch batch) => (tape, policy, _, scale) =>
    {
        Tensor logits = policy.Logits();
        double[][] q = [.. logits.ToArray().Chunk(logits.Shape.Last).Select(row => Array.ConvertAll(row, x => (double)x))];
        var gradient = new List<double>(logits.Shape.Count);
        for (int b = 0; b < batch.B; b++)
        {
            Range of = batch.Starts[b]..batch.Starts[b + 1];
            gradient.AddRange(InverseSoftQ.Gradient(q[of], batch.Targets[of], discount: 1, Phi.Linear).SelectMany(row => row));
        }

        return logits.Reshape(new Shape(logits.Shape.Count))
            .WeightedSum(tape.Constant([.. gradient.Select(x => (float)x)], new Shape(gradient.Count)), -scale);
    };

    // With r_{T−1} = Q − V(s_T), as if the state after the last token were not terminal, the loss gains Σ V(s_T).
    private Loss WithTail(Transformer policy, Example[] ended) => (tape, rows, batch, scale) =>
    {
        var whole = new ResponseBatch([.. ended.Select(e => new Example([.. e.PromptIds, .. e.ResponseIds], [0]))]);
        return formulas.InverseQ(tape, rows, batch, scale) + policy.Rows(tape, whole).LogSumExp().Sum().Scale(scale);
    };

    private static double MeanSoftValue(Transformer policy, ResponseBatch batch)
    {
        using Tape tape = Tape.NoGrad(policy.Device);
        return policy.Rows(tape, batch).LogSumExp().ToArray().Average(v => Math.Abs((double)v));
    }
}
