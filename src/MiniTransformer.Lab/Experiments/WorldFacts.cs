using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>What is measured of a world besides its methods.</summary>
/// <param name="Regime">The regime.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Positions">The recovered reward along SFT's own responses, for each reference.</param>
/// <param name="Advice">What the advisor says before any further training, with all references as candidates.</param>
/// <param name="Planted">How well scores find planted errors, for the main reference and the half-way one.</param>
public sealed record WorldFacts(
    string Regime, ulong Seed, IReadOnlyList<PositionRewards> Positions, Advice Advice, PlantedErrorResult Planted)
{
    // A mean over fewer responses says little.
    private const int FewestAtPosition = 20;

    /// <summary>Measures a prepared world, on validation prompts.</summary>
    public static WorldFacts Of(World world)
    {
        var sampling = new SamplingOptions { MaxTokens = world.Regime.Dpr.MaxTokens, Seed = world.SeedOf("validation") };
        IReadOnlyList<TaskPrompt> prompts = world.Data.Validation;
        int[][] ids = [.. prompts.Select(p => p.Encode(world.Tokenizer).Ids)];
        SampledResponse[] responses = Sampler.Generate(world.Expert, ids, world.Tokenizer.Tokens.Ends, sampling);
        var batch = new ResponseBatch([.. responses.Select((r, i) => new Example(ids[i], r.Ids))]);
        PositionRewards[] positions =
            [.. world.References.Keys.Select(name =>
                new PositionRewards(name, ByPosition(world.Reward(name).Recover(batch).RHat, batch.Starts)))];
        var advisor = new AdvisorOptions
        {
            Sampling = sampling,
            Continued = AdvisorOptions.ContinuedFor(world.SftOptions, world.DprOptions)
        };
        Advice advice = Advisor.Advise(world.Expert, [.. world.References.Select(r => (r.Key, r.Value))], prompts, world.Tokenizer,
            world.Demonstrations, advisor);
        NamedReference[] named =
            [.. new[] { world.Regime.MainReference, World.Fraction(.5) }.Select(name => new NamedReference(name, world.Reference(name)))];
        PlantedErrorResult planted = PlantedErrors.Measure(world.Expert, named, prompts, world.Tokenizer, world.SeedOf("planted"));
        return new WorldFacts(world.Regime.Name, world.Seed, positions, advice, planted);
    }

    private static double[] ByPosition(float[] values, int[] starts)
    {
        var sums = new List<(double Sum, int Count)>();
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int i = starts[b]; i < starts[b + 1]; i++)
            {
                int t = i - starts[b];
                if (t == sums.Count) sums.Add((0, 0));
                sums[t] = (sums[t].Sum + values[i], sums[t].Count + 1);
            }
        }

        return [.. sums.TakeWhile(s => s.Count >= FewestAtPosition).Select(s => s.Sum / s.Count)];
    }
}

/// <summary>Mean r̂ of SFT's sampled responses at each position.</summary>
/// <param name="Reference">The reference of r̂.</param>
/// <param name="Mean">The mean at position 0, 1, …, in nats.</param>
public sealed record PositionRewards(string Reference, double[] Mean);
