using System.Text.Json.Nodes;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a run keeps of one regime and seed: worlds/REGIME-seed-N.json, always whole, the old content or the new.</summary>
internal static class WorldFile
{
    /// <summary>The file.</summary>
    public static string PathOf(string folder, Regime regime, ulong seed) =>
        Path.Combine(folder, "worlds", FormattableString.Invariant($"{regime.Name}-seed-{seed}.json"));

    /// <summary>Replaces it.</summary>
    public static void Save(string folder, Regime regime, ulong seed, string belongsTo, WorldResult result) =>
        KeptResult.Save(PathOf(folder, regime, seed), belongsTo, result);

    /// <summary>Reads it; null where there is none.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="regime">The regime.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="belongsTo">What it has to belong to.</param>
    /// <param name="unmarked">Whether one is taken that does not say so.</param>
    /// <param name="methods">The methods that may be in it: they say what is what, for a file has only their names.</param>
    /// <exception cref="IOException">It is damaged, or another world's.</exception>
    /// <exception cref="Invocations.UsageException">It belongs to other settings.</exception>
    public static WorldResult? Load(string folder, Regime regime, ulong seed, string belongsTo, bool unmarked, IEnumerable<Method> methods)
    {
        string path = PathOf(folder, regime, seed);
        if (KeptResult.Load<WorldResult>(path, belongsTo, unmarked, WithoutSweep) is not { } result) return null;
        if (result.Results.Any(r => r is null)) throw KeptResult.Damaged(path, "a result is null");
        if (result.Results.Find(r => r.Regime != regime.Name || r.Seed != seed) is { } other)
            throw KeptResult.Damaged(path, $"it holds a result of {other.Regime}, seed {other.Seed}");
        if (result.Facts is { } facts && (facts.Regime != regime.Name || facts.Seed != seed))
            throw KeptResult.Damaged(path, $"its facts are those of {facts.Regime}, seed {facts.Seed}");
        if (result.Results.GroupBy(r => r.Label).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw KeptResult.Damaged(path, $"'{twice.Key}' stands in it twice");
        Method[] known = [.. methods];
        return result with { Results = [.. result.Results.Select(r => r with { Role = RoleOf(r) })] };

        MethodRole RoleOf(MethodResult r) => Array.Find(known, method => method.IsOf(r))?.Role ?? MethodRole.Other;
    }

    // An earlier version wrote of the facts, too, whether the seed is one of the sweep's.
    private static void WithoutSweep(JsonObject json) => (json["facts"] as JsonObject)?.Remove("sweep");
}
