using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// A finished result in a run's folder, so that it is never computed again: a JSON object with its own checksum, which says what it belongs
/// to. The file is always whole, the old content or the new.
/// </summary>
internal static class KeptResult
{
    private const string BelongsTo = "belongsTo";

    // Tuples are written with their fields.
    private static readonly JsonSerializerOptions Json = new(RunDirectory.Json) { IncludeFields = true };

    private static readonly JsonSerializerOptions Strict = new(Json)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Replaces the file.</summary>
    public static void Save<T>(string path, string belongsTo, T result)
    {
        var json = new JsonObject { [BelongsTo] = belongsTo };
        foreach ((string key, JsonNode? value) in JsonSerializer.SerializeToNode(result, Json)!.AsObject().ToArray())
        {
            json[key] = value?.DeepClone();
        }
        AtomicFile.WriteAllText(path, SealedJson.Seal(json.ToJsonString(Json)));
    }

    /// <summary>Reads it; default where there is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="belongsTo">What it has to belong to.</param>
    /// <param name="unmarked">Whether one is taken that does not say what it belongs to, as an earlier version wrote it.</param>
    /// <param name="upgrade">Makes what an earlier version wrote what this one writes.</param>
    /// <exception cref="IOException">It is damaged.</exception>
    /// <exception cref="UsageException">It belongs to something else.</exception>
    public static T? Load<T>(string path, string belongsTo, bool unmarked, Action<JsonObject> upgrade)
        where T : class
    {
        if (!File.Exists(path)) return null;
        try
        {
            JsonObject json = SealedJson.Read(path);
            string? found = (json[BelongsTo] as JsonValue)?.ToString();
            json.Remove(BelongsTo);
            upgrade(json);
            T result = json.Deserialize<T>(Strict) ?? throw new JsonException("it holds null");
            if (found == belongsTo || (found is null && unmarked)) return result;
            throw new UsageException(
                $"'{Invocation.Shown(path)}' {(found is null ? "does not say what it belongs to" : $"belongs to {found}")}, and this run "
                    + $"is {belongsTo} (a name and a hash of the settings): " +
                "name another folder with --out, or move the file away to compute it anew.");
        }
        catch (JsonException e)
        {
            throw Damaged(path, e.Message, e);
        }
        catch (ChecksumException e)
        {
            throw Damaged(path, "its text is not what was written, by its SHA-256", e);
        }
    }

    /// <summary>Says that a file is damaged and, where it stands in the way of another one, moves it aside.</summary>
    public static void GiveUp(string path, IOException damage, bool moveAside, Action<string> say)
    {
        string aside = path + ".damaged";
        for (int i = 2; moveAside && File.Exists(aside); i++) aside = FormattableString.Invariant($"{path}.damaged-{i}");
        if (moveAside) File.Move(path, aside);
        say($"warning: {damage.Message}{(moveAside ? $" It is now {Invocation.Shown(aside)}, and is computed again." : "")}");
    }

    /// <summary>The error of a damaged file.</summary>
    public static IOException Damaged(string path, string why, Exception? inner = null) =>
        new($"'{Invocation.Shown(path)}' cannot be read ({why}); delete it, and --resume computes its results again.", inner);
}
