using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Experiments;

/// <summary>Everything that a comparison keeps of one regime and seed.</summary>
/// <param name="Cells">The methods' results, in the order in which they were run.</param>
/// <param name="Facts">What is known of the world itself; null until it has been measured.</param>
public sealed record WorldResult(List<CellResult> Cells, WorldFacts? Facts);

/// <summary>What is measured of a world besides its methods.</summary>
/// <param name="Regime">The regime.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Sweep">Whether it is one of the sweep's seeds.</param>
/// <param name="Positions">The recovered reward along SFT's own responses, for each reference.</param>
public sealed record WorldFacts(string Regime, ulong Seed, bool Sweep, IReadOnlyList<PositionRewards> Positions)
{
    // A mean over fewer responses says little.
    private const int FewestAtPosition = 20;

    /// <summary>Measures a prepared world, on validation prompts.</summary>
    public static WorldFacts Of(World world, bool sweep)
    {
        var sampling = new SamplingOptions { MaxTokens = world.Regime.Dpr.MaxTokens, Seed = world.SeedOf("validation") };
        IReadOnlyList<TaskPrompt> prompts = world.Splits.Validation;
        int[][] ids = [.. prompts.Select(p => p.Encode(world.Tokenizer).Ids)];
        SampledResponse[] responses = Sampler.Generate(world.Expert, ids, world.Tokenizer.EndId, sampling);
        var batch = new ResponseBatch([.. responses.Select((r, i) => new Example(ids[i], r.Ids))], world.Tokenizer.PadId);
        PositionRewards[] positions = [.. world.References.Keys.Select(name => new PositionRewards(name, ByPosition(world.Reward(name).Recover(batch).RHat, batch.Starts)))];
        return new WorldFacts(world.Regime.Name, world.Seed, sweep, positions);
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
