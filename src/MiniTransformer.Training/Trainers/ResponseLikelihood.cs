using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>log π(response | prompt) of given responses, one number each.</summary>
public static class ResponseLikelihood
{
    // Responses that are scored together.
    private const int BatchSize = 128;

    /// <summary>
    /// Σ_t log π(a_t|s_t) of each example, in nats, π(·|s) being softmax of the policy's logits over the whole vocabulary at each state:
    /// exact for an <see cref="Extrapolation"/> too, whose logits are (1 + α) Q − α Q_ref. An empty response has 0.
    /// </summary>
    /// <param name="policy">π.</param>
    /// <param name="examples">Prompts and responses.</param>
    public static double[] Of(Policy policy, IReadOnlyList<Example> examples)
    {
        double[] sums = new double[examples.Count];
        int[] scored = [.. Enumerable.Range(0, sums.Length).Where(i => examples[i].ResponseIds.Length > 0)];
        foreach (int[] piece in scored.Chunk(BatchSize))
        {
            var batch = new ResponseBatch([.. piece.Select(i => examples[i])]);
            using Tape tape = Tape.NoGrad(policy.Device);
            float[] logProb = LogitsException.Check(policy.Rows(tape, batch).LogProb(tape.Targets(batch)).ToArray(), "the policy"); // (N)
            for (int b = 0; b < piece.Length; b++)
            {
                for (int n = batch.Starts[b]; n < batch.Starts[b + 1]; n++) sums[piece[b]] += logProb[n];
            }
        }

        return sums;
    }
}
