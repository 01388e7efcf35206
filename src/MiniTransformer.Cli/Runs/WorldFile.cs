using System.Text.Json;
using MiniTransformer.IO;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>What a comparison keeps of one regime and seed: worlds/REGIME-seed-N.json, always whole, the old content or the new.</summary>
internal static class WorldFile
{
    private static readonly JsonSerializerOptions Strict = new(RunDirectory.Json) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>The file.</summary>
    public static string PathOf(string folder, Regime regime, ulong seed) => Path.Combine(folder, "worlds", FormattableString.Invariant($"{regime.Name}-seed-{seed}.json"));

    /// <summary>Replaces it.</summary>
    public static void Save(string folder, Regime regime, ulong seed, WorldResult result) =>
        AtomicFile.WriteAllText(PathOf(folder, regime, seed), JsonSerializer.Serialize(result, RunDirectory.Json));

    /// <summary>Reads it; null where there is none.</summary>
    /// <exception cref="IOException">It is damaged, or another world's.</exception>
    public static WorldResult? Load(string folder, Regime regime, ulong seed)
    {
        string path = PathOf(folder, regime, seed);
        if (!File.Exists(path)) return null;
        WorldResult result;
        try
        {
            result = JsonSerializer.Deserialize<WorldResult>(File.ReadAllText(path), Strict) ?? throw new JsonException("it holds null");
        }
        catch (JsonException e)
        {
            throw Damaged(e.Message, e);
        }

        if (result.Cells.Any(c => c is null)) throw Damaged("a cell is null");
        if (result.Cells.Find(c => c.Regime != regime.Name || c.Seed != seed) is { } other) throw Damaged($"it holds a cell of {other.Regime}, seed {other.Seed}");
        if (result.Facts is { } facts && (facts.Regime != regime.Name || facts.Seed != seed)) throw Damaged($"its facts are those of {facts.Regime}, seed {facts.Seed}");
        if (result.Cells.GroupBy(c => c.Label).FirstOrDefault(g => g.Count() > 1) is { } twice) throw Damaged($"'{twice.Key}' stands in it twice");
        return result;

        IOException Damaged(string why, Exception? inner = null) =>
            new($"'{Invocation.Shown(path)}' cannot be read ({why}); delete it, and --resume computes its cells again.", inner);
    }
}
