using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Text;

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
        return Answer(policy, chosen, sampling, options.EndsOf(policy), out ended);
    }

    /// <summary>
    /// Draws k responses to each prompt of an update, those of one prompt in a row. Prompts and draws are functions of (seed, update) here too.
    /// </summary>
    public static Example[] Draw(
        Transformer policy, IReadOnlyList<int[]> prompts, BatchOrder order, int update, RlooOptions options, out double ended)
    {
        int[][] chosen = [.. order.IndicesOf(update, options.PromptsPerUpdate).SelectMany(i => Enumerable.Repeat(prompts[i], options.SamplesPerPrompt))];
        var sampling = new SamplingOptions
        {
            MaxTokens = options.MaxTokens,
            Seed = options.Seed,
            FirstStream = (ulong)update * (ulong)options.PromptsPerUpdate * (ulong)options.SamplesPerPrompt,
        };
        return Answer(policy, chosen, sampling, options.EndsOf(policy), out ended);
    }

    private static Example[] Answer(Transformer policy, int[][] prompts, SamplingOptions sampling, EndTokens ends, out double ended)
    {
        SampledResponse[] responses = Sampler.Generate(policy, prompts, ends, sampling);
        ended = responses.Count(r => r.Ended) / (double)responses.Length;
        return [.. responses.Select((r, i) => new Example(prompts[i], r.Ids))];
    }
}
