using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// Pairs (y, y′) of one update: a demonstration and another policy's answer to the same prompt. Sequences 0 … n−1 of the batch are the
/// demonstrations, sequence n + i is the answer beside demonstration i.
/// </summary>
internal static class Pairs
{
    /// <summary>Draws the answers. Demonstrations and draws are functions of (seed, update), so that a resumed run meets the same pairs.</summary>
    public static ResponseBatch Draw(
        Transformer opponent, IReadOnlyList<Example> demonstrations, BatchOrder order, int update, int pairs, int maxTokens, ulong seed, EndTokens ends)
    {
        Example[] chosen = [.. order.IndicesOf(update, pairs).Select(i => demonstrations[i])];
        var sampling = new SamplingOptions { MaxTokens = maxTokens, Seed = seed, FirstStream = (ulong)update * (ulong)pairs };
        SampledResponse[] answers = Sampler.Generate(opponent, [.. chosen.Select(e => e.PromptIds)], ends, sampling);
        return new ResponseBatch([.. chosen, .. answers.Select((a, i) => new Example(chosen[i].PromptIds, a.Ids))]);
    }

    /// <summary>The fraction of pairs whose demonstration has the larger log-ratio; a tie counts half.</summary>
    public static double Ranked(double[] logRatios)
    {
        int n = logRatios.Length / 2;
        return Enumerable.Range(0, n).Average(i => logRatios[i].CompareTo(logRatios[n + i]) switch { > 0 => 1, 0 => .5, _ => 0 });
    }
}
