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
    /// <param name="policy">Who answers.</param>
    /// <param name="prompts">Token ids of all prompts.</param>
    /// <param name="order">In which order they come.</param>
    /// <param name="update">Number of the update.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="ended">The share of the responses that ended.</param>
    /// <param name="maxPositions">The longest sequence that can be scored.</param>
    public static Example[] Draw(
        Transformer policy, IReadOnlyList<int[]> prompts, BatchOrder order, int update, DprOptions options, out double ended,
        int maxPositions = int.MaxValue)
    {
        int[][] chosen = [.. order.IndicesOf(update, options.PromptsPerUpdate).Select(i => prompts[i])];
        var sampling = new SamplingOptions
        {
            Temperature = options.Temperature,
            MaxTokens = options.MaxTokens,
            MaxPositions = maxPositions,
            Seed = options.Seed,
            FirstStream = (ulong)update * (ulong)options.PromptsPerUpdate,
        };
        return Answer(policy, chosen, sampling, options.EndsOf(policy), out ended);
    }

    /// <summary>
    /// Draws k responses to each prompt of an update, those of one prompt in a row. Prompts and draws are functions of (seed, update) here
    /// too.
    /// </summary>
    /// <param name="policy">Who answers.</param>
    /// <param name="prompts">Token ids of all prompts.</param>
    /// <param name="order">In which order they come.</param>
    /// <param name="update">Number of the update.</param>
    /// <param name="options">The trainer's settings.</param>
    /// <param name="ended">The share of the responses that ended.</param>
    /// <param name="maxPositions">The longest sequence that can be scored.</param>
    public static Example[] Draw(
        Transformer policy, IReadOnlyList<int[]> prompts, BatchOrder order, int update, RlooOptions options, out double ended,
        int maxPositions = int.MaxValue)
    {
        int[][] chosen = [.. order.IndicesOf(update, options.PromptsPerUpdate)
            .SelectMany(i => Enumerable.Repeat(prompts[i], options.SamplesPerPrompt))];
        var sampling = new SamplingOptions
        {
            MaxTokens = options.MaxTokens,
            MaxPositions = maxPositions,
            Seed = options.Seed,
            FirstStream = (ulong)update * (ulong)options.PromptsPerUpdate * (ulong)options.SamplesPerPrompt,
        };
        return Answer(policy, chosen, sampling, options.EndsOf(policy), out ended);
    }

    /// <summary>Refuses prompts that leave no room for a response, before anything is trained.</summary>
    internal static void CheckRoom(Transformer policy, ITokenReward reward, IReadOnlyList<int[]> prompts)
    {
        int positions = Math.Min(policy.Config.MaxPositions, reward.MaxPositions);
        for (int i = 0; i < prompts.Count; i++)
        {
            if (Sampler.Room(prompts[i].Length, positions) > 0) continue;
            throw new ArgumentException(
                $"Prompt {i} of {prompts.Count} has {prompts[i].Length} tokens, and the policy, or a model that scores its responses, "
                    + $"{positions} positions (max_position_embeddings): "
                + "there is no room for a response. Leave it out.");
        }
    }

    private static Example[] Answer(Transformer policy, int[][] prompts, SamplingOptions sampling, EndTokens ends, out double ended)
    {
        SampledResponse[] responses = Sampler.Generate(policy, prompts, ends, sampling);
        ended = responses.Count(r => r.Ended) / (double)responses.Length;
        return [.. responses.Select((r, i) => new Example(prompts[i], r.Ids))];
    }
}
