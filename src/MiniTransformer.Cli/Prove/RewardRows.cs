using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Theory;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>
/// T3, T4: P5 and P6 on the rewards that are recovered from a batch. They are judged by forward passes of one response at a time,
/// whose logits the theory's double-precision formulas turn into rewards and probabilities.
/// </summary>
internal sealed class RewardRows(Formulas formulas)
{
    private readonly Tally shaping = new("T3", "log π = r_Q + V(s′) − V(s), every token");
    private readonly Tally sum = new("T4", "Σ r̂ = log π_SFT(y) − log π_ref(y)");

    /// <summary>The rows; without a reference there is no T4.</summary>
    public ProofRow[] Rows(bool hasReference) => hasReference ? [shaping.Row(), sum.Row()] : [shaping.Row()];

    /// <summary>Checks one case.</summary>
    public void Check(PolicyCase at)
    {
        RecoveredRewards recovered = formulas.Recover(new DenseReward(at.Policy, at.Reference ?? at.Policy), at.Batch);
        (double error, double withoutNext, double sumError, double swapped) = (0, 0, 0, 0);
        for (int b = 0; b < at.Batch.B; b++)
        {
            Example example = at.Batch.Examples[b];
            if (example.ResponseIds.Length == 0) continue;
            (double tokenError, double tokenControl) = Shaping(at.Policy, example, recovered, at.Batch.Starts[b]);
            (error, withoutNext) = (Math.Max(error, tokenError), Math.Max(withoutNext, tokenControl));
            if (at.Reference is null) continue;

            double rHat = 0;
            for (int i = at.Batch.Starts[b]; i < at.Batch.Starts[b + 1]; i++) rHat += recovered.RHat[i];
            double expert = Decoded(at.Policy, example), reference = Decoded(at.Reference, example);
            double scale = Math.Max(1, Math.Abs(expert) + Math.Abs(reference));
            sumError = Math.Max(sumError, Math.Abs(rHat - (expert - reference)) / scale);
            swapped = Math.Max(swapped, Math.Abs(rHat - (reference - expert)) / scale);
        }

        bool hasNext = at.Batch.N > at.Batch.B;
        shaping.Add(error, ("V(s′) left out", hasNext ? withoutNext : null));
        sum.Add(sumError, ("π_SFT and π_ref swapped", swapped));
    }

    // The identity with the recovered numbers alone; and r_Q and log π themselves against the theory, in double, relative to max(1, |Q|,
    // |V|).
    private static (double Error, double WithoutNext) Shaping(Transformer policy, Example example, RecoveredRewards r, int start)
    {
        double[][] q = Rows(policy, example);
        double[] v = InverseSoftQ.Values(q), rQ = InverseSoftQ.Rewards(q, example.ResponseIds, discount: 1);
        double error = 0, withoutNext = 0;
        for (int t = 0; t < q.Length; t++)
        {
            int i = start + t, a = example.ResponseIds[t];
            double scale = Math.Max(1, Math.Max(Math.Abs(q[t][a]), Math.Max(Math.Abs(v[t]), Math.Abs(v[t + 1]))));
            double next = t + 1 < q.Length ? r.Value[i + 1] : 0; // the state after the last token is terminal
            double[] errors = [r.RQ[i] + next - r.Value[i] - r.LogProb[i], r.RQ[i] - rQ[t], SoftBellman.LogSoftmax(q[t])[a] - r.LogProb[i]];
            error = Math.Max(error, errors.Max(Math.Abs) / scale);
            withoutNext = Math.Max(withoutNext, Math.Abs(r.RQ[i] - r.Value[i] - r.LogProb[i]) / scale);
        }

        return (error, withoutNext);
    }

    // Q(s_t, ·) along a response, (T, V): a forward pass of this sequence alone.
    private static double[][] Rows(Transformer model, Example example)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        int[] ids = [.. example.PromptIds, .. example.ResponseIds[..^1]];
        float[] logits = model.Forward(tape.Sequences(ids)).ToArray();
        return [.. logits.Chunk(model.Config.VocabSize).Skip(example.PromptIds.Length - 1).Select(Doubles)];
    }

    // log π(y|x), one token at a time with a key/value cache.
    private static double Decoded(Transformer model, Example example)
    {
        using var decoder = new Decoder(model, slots: 1, example.Positions);
        double logProb = 0;
        for (int t = 0; t < example.ResponseIds.Length; t++)
        {
            using Tape tape = Tape.NoGrad(model.Device);
            PolicyRows policy = t == 0
                ? decoder.Prompt(tape, [example.PromptIds])
                : decoder.Step(tape, [example.ResponseIds[t - 1]], [0], [example.PromptIds.Length + t - 1]);
            logProb += SoftBellman.LogSoftmax(Doubles(policy.Logits().ToArray()))[example.ResponseIds[t]];
        }

        return logProb;
    }

    private static double[] Doubles(float[] x) => Array.ConvertAll(x, v => (double)v);
}
