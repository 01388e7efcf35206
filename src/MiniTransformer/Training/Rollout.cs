using MiniTransformer.Data;
using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>Responses of the policy to the prompts of one update.</summary>
public static class Rollout
{
    /// <summary>
    /// Draws one response to each prompt of an update. Prompts and draws are functions of (seed, update), so that a resumed run draws
    /// what the undisturbed one would have drawn.
    /// </summary>
    public static Example[] Draw(
        Transformer policy, IReadOnlyList<int[]> prompts, BatchOrder order, int update, DprOptions options, out double ended)
    {
        int[][] chosen = [.. order.IndicesOf(update, options.PromptsPerUpdate).Select(i => prompts[i])];
        var sampling = new SamplingOptions
        {
            Temperature = options.Temperature,
            MaxTokens = options.MaxTokens,
            Seed = options.Seed,
            FirstStream = (ulong)update * (ulong)options.PromptsPerUpdate,
        };
        SampledResponse[] responses = Sampler.Generate(policy, chosen, options.EndId, sampling);
        ended = responses.Count(r => r.Ended) / (double)responses.Length;
        return [.. responses.Select((r, i) => new Example(chosen[i], r.Ids))];
    }
}
