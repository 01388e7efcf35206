using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>log π(response | prompt) of given responses, one number each.</summary>
public static class ResponseLikelihood
{
    // Responses that are scored together.
    private const int BatchSize = 128;

    /// <summary>
    /// Σ_t log π(a_t|s_t) of each example, in nats; with a reference, of the token-wise extrapolated policy, normalised over the vocabulary at each state:
    /// <code>
    /// π(a|s) = exp(q(s, a) − log Σ_b exp q(s, b)),   q = (1 + α) Q − α Q_ref
    /// </code>
    /// which is π_SFT (π_SFT/π_ref)^α at each state, divided by its sum. An empty response has 0.
    /// </summary>
    /// <param name="policy">Q.</param>
    /// <param name="examples">Prompts and responses.</param>
    /// <param name="padId">The token that pads a batch.</param>
    /// <param name="reference">Q_ref, or null for the policy itself.</param>
    /// <param name="alpha">α.</param>
    public static double[] Of(Transformer policy, IReadOnlyList<Example> examples, int padId, Transformer? reference = null, float alpha = 1)
    {
        double[] sums = new double[examples.Count];
        int[] scored = [.. Enumerable.Range(0, sums.Length).Where(i => examples[i].ResponseIds.Length > 0)];
        foreach (int[] piece in scored.Chunk(BatchSize))
        {
            var batch = new ResponseBatch([.. piece.Select(i => examples[i])], padId);
            using Tape tape = Tape.NoGrad(policy.Device);
            Tensor q = policy.Logits(tape, batch); // (N, V)
            if (reference is not null) q = q.Scale(1 + alpha) - reference.Logits(tape, batch).Scale(alpha);
            float[] logProb = q.GatherLogSoftmax(tape.Targets(batch)).ToArray(); // (N)
            for (int b = 0; b < piece.Length; b++)
            {
                for (int n = batch.Starts[b]; n < batch.Starts[b + 1]; n++) sums[piece[b]] += logProb[n];
            }
        }

        return sums;
    }
}
