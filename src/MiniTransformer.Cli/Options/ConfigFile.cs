using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Options;

/// <summary>A configuration in JSON: the flags' names without dashes as keys, such as {"task": "reverse", "checkpoint-every": 100}. A run's own run.json is
/// one, so --config repeats a run.</summary>
internal static class ConfigFile
{
    /// <summary>Keys of run.json that are not flags.</summary>
    private static readonly string[] AboutTheRun = ["command", "sft", "advice", "dataSha256", "baseSha256", "runSha256", "referenceSha256", "promptsSha256", "folder", "version"];

    /// <summary>Reads a configuration; keys that the command does not have are refused.</summary>
    public static JsonObject Read(string path, Command command)
    {
        if (!File.Exists(path)) throw new UsageException($"--config: there is no file '{path}'.");
        JsonObject json;
        try
        {
            json = SealedJson.Read(path);
        }
        catch (JsonException e)
        {
            throw new UsageException($"{path}: not valid JSON: {Messages.Of(e)}");
        }

        if (json["command"] is { } name && name.ToString() != command.Name)
            throw new UsageException($"{path}: it is a configuration of '{name}', not of '{command.Name}'.");
        string[] known = [.. FlagsOf(command).Select(flag => flag.Key)];
        foreach ((string key, _) in json)
        {
            if (!known.Contains(key) && !AboutTheRun.Contains(key))
                throw new UsageException($"{path}: '{key}' is no setting of {command.Name}.{Nearest.Hint(key, known)}");
        }

        return json;
    }

    /// <summary>The configuration as command-line tokens, but for flags that stand on the command line already.</summary>
    public static IEnumerable<string> Tokens(string path, JsonObject json, Command command, IReadOnlySet<string> onCommandLine)
    {
        foreach (IFlag flag in FlagsOf(command))
        {
            if (onCommandLine.Contains(flag.Key) || !json.TryGetPropertyValue(flag.Key, out JsonNode? value) || value is null) continue;
            foreach (JsonNode one in flag.Repeats && value is JsonArray items ? items.OfType<JsonNode>() : [value]) yield return $"--{flag.Key}={Text(path, flag.Key, one)}";
        }
    }

    private static IEnumerable<IFlag> FlagsOf(Command command) => command.Options.OfType<IFlag>();

    private static string Text(string path, string key, JsonNode value) => value switch
    {
        JsonArray items => string.Join(',', items.Select(item => item is JsonValue v ? v.ToString() : throw Unusable(path, key))),
        JsonValue v when v.GetValueKind() is JsonValueKind.True or JsonValueKind.False => v.ToJsonString(),
        JsonValue v => v.ToString(),
        _ => throw Unusable(path, key),
    };

    private static UsageException Unusable(string path, string key) => new($"{path}: the value of '{key}' is not a number, a text, true, false or a list of these.");
}
