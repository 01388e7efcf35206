using MiniTransformer.Autograd;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// T7: P10 on the tape: the exact KL of each state and its gradient, and the estimators' expectations over the whole vocabulary.
/// </summary>
internal sealed class KlRows(Formulas formulas)
{
    private readonly Tally value = new("T7a", "KL(π_θ‖π_ref) at a state = E k1 = E k3");
    private readonly Tally gradient = new("T7b", "∇KL at a state = E[k1 ∇log π]");

    /// <summary>The two rows.</summary>
    public ProofRow[] Rows => [value.Row(), gradient.Row()];

    /// <summary>Checks one case with a reference.</summary>
    public void Check(PolicyCase at)
    {
        using Tape tape = Tape.Record(at.Policy.Device);
        // (N, V)
        Tensor reference = at.Reference!.FrozenRows(tape, at.Batch).Logits(), frozen = at.Policy.FrozenRows(tape, at.Batch).Logits();
        Tensor logits = tape.Variable(frozen.ToArray(), frozen.Shape);
        Tensor kl = formulas.Kl(logits, reference); // (N)
        float[] reversed = reference.KlDivergence(frozen).ToArray();
        tape.Backward(kl.Sum());

        float[] own = kl.ToArray();
        double[][] dLogits = Chunks(logits.GradToArray(), frozen), q = Chunks(frozen.ToArray(), frozen),
            qRef = Chunks(reference.ToArray(), frozen);
        (double[][] logP, double[][] logR) = (LogProbs(tape, frozen), LogProbs(tape, reference));
        double error = 0, control = 0, gradientError = 0, gradientControl = 0;
        for (int i = 0; i < own.Length; i++)
        {
            // The tape's KL of logits; the theory's, from the same logits; and E k1, E k3 of the log-probabilities that the tape gathers.
            double[] others =
            [
                KlEstimators.Exact(q[i], qRef[i]),
                KlEstimators.Expectation(logP[i], logR[i], KlEstimators.K1),
                KlEstimators.Expectation(logP[i], logR[i], KlEstimators.K3),
            ];
            double scale = Math.Max(1, own[i]);
            error = Math.Max(error, others.Max(other => Math.Abs(other - own[i])) / scale);
            control = Math.Max(control, Math.Abs(others[0] - reversed[i]) / scale);

            double[] logPolicy = SoftBellman.LogSoftmax(q[i]), logReference = SoftBellman.LogSoftmax(qRef[i]);
            gradientError = Math.Max(gradientError, Distance(dLogits[i], KlEstimators.GradientOfK1AsReward(logPolicy, logReference)));
            gradientControl = Math.Max(gradientControl, Distance(dLogits[i], KlEstimators.GradientOfK1AsLoss(logPolicy)));
        }

        value.Add(error, ("KL(π_ref‖π_θ)", control));
        gradient.Add(gradientError, ("E[∇k1]", gradientControl));
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    // log π(a|s) of every token a, gathered one token at a time: (N, V).
    private static double[][] LogProbs(Tape tape, Tensor logits)
    {
        int n = logits.Shape.Rows;
        float[][] byToken = [.. Enumerable.Range(0, logits.Shape.Last)
            .Select(a => logits.GatherLogSoftmax(tape.Ids(Enumerable.Repeat(a, n).ToArray(), new Shape(n))).ToArray())];
        return [.. Enumerable.Range(0, n).Select(i => byToken.Select(column => (double)column[i]).ToArray())];
    }

    private static double[][] Chunks(float[] values, Tensor like) =>
        [.. values.Chunk(like.Shape.Last).Select(row => Array.ConvertAll(row, x => (double)x))];
}
