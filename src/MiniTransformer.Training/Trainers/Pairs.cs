using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// Pairs (y, y′) of one update: a demonstration and another policy's answer to the same prompt, in pieces that are computed together. Of a
/// piece's n pairs, sequences 0 … n−1 are the demonstrations, and sequence n + i is the answer beside demonstration i.
/// </summary>
internal static class Pairs
{
    /// <summary>
    /// Draws the answers. Demonstrations and draws are functions of (seed, update), so that a resumed run meets the same pairs.
    /// </summary>
    public static ResponseBatch[] Draw(
        Transformer opponent, IReadOnlyList<Example> demonstrations, BatchOrder order, int update, int pairs, TuningOptions options,
        EndTokens ends)
    {
        Example[] chosen = [.. order.IndicesOf(update, pairs).Select(i => demonstrations[i])];
        var sampling = new SamplingOptions
        {
            MaxTokens = options.MaxTokens,
            Seed = options.Seed,
            FirstStream = (ulong)update * (ulong)pairs
        };
        SampledResponse[] answers = Sampler.Generate(opponent, [.. chosen.Select(e => e.PromptIds)], ends, sampling);
        int together = options.MicroBatchSize == 0 ? chosen.Length : Math.Max(1, options.MicroBatchSize / 2);
        return [.. Enumerable.Range(0, chosen.Length).Chunk(together).Select(piece => new ResponseBatch(
            [.. piece.Select(i => chosen[i]), .. piece.Select(i => new Example(chosen[i].PromptIds, answers[i].Ids))]))];
    }

    /// <summary>
    /// log π_θ(y|x) − log π_t(y|x) of a piece's whole responses, (B), and log π_θ of its tokens, (N), by which alone a loss depends on θ.
    /// </summary>
    public static (double[] LogRatios, Tensor LogProb) Measure(Tape tape, Transformer policy, Transformer previous, ResponseBatch piece)
    {
        TokenIds tokens = tape.Targets(piece);
        Tensor logProb = policy.Rows(tape, piece).LogProb(tokens);
        float[] before = LogitsException.Check(previous.FrozenRows(tape, piece).LogProb(tokens).ToArray(), "π_t");
        float[] change = [.. LogitsException.Check(logProb.ToArray(), "the policy").Zip(before, (now, then) => now - then)];
        return (Returns.Sums(change, piece.Starts), logProb);
    }

    /// <summary>The chain rule: ∇L = Σ_b ∂L/∂u_b Σ_t ∇ log π_θ(a_t|s_t), of a piece.</summary>
    /// <param name="tape">The step.</param>
    /// <param name="logProb">log π_θ of the tokens.</param>
    /// <param name="slopes">∂L/∂u_b for each sequence's log-ratio u_b.</param>
    /// <param name="piece">The piece.</param>
    public static void Backward(Tape tape, Tensor logProb, double[] slopes, ResponseBatch piece) =>
        tape.Backward(logProb.WeightedSum(tape.Constant(Returns.Spread(slopes, piece.Starts), logProb.Shape)));

    /// <summary>The fraction of pairs whose demonstration has the larger log-ratio; a tie counts half.</summary>
    public static double Ranked(IReadOnlyList<double> demonstrations, IReadOnlyList<double> answers) =>
        demonstrations.Zip(answers, (y, other) => y.CompareTo(other) switch { > 0 => 1, 0 => .5, _ => 0 }).Average();
}
