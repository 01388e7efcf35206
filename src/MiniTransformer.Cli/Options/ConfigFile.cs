using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Cli.Options;

/// <summary>A configuration in JSON: the flags' names without dashes as keys, such as {"task": "reverse", "checkpoint-every": 100}. A run's
/// own run.json is one, so --config repeats a run.</summary>
internal static class ConfigFile
{
    /// <summary>Keys of run.json that are not flags.</summary>
    private static readonly string[] AboutTheRun = ["command", "sft", "advice", "dataSha256", "evalDataSha256", "baseSha256", "runSha256",
        "referenceSha256", "promptsSha256", "folder", "version"];

    /// <summary>
    /// Reads a configuration; keys that the command does not have are refused, and what a run did before there was a flag for it is filled
    /// in.
    /// </summary>
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

        if (json["command"] is { } name && (name.GetValueKind() != JsonValueKind.String || name.GetValue<string>() != command.Name))
            throw new UsageException($"{path}: it is a configuration of {name.ToJsonString()}, not of '{command.Name}'.");
        string[] known = [.. FlagsOf(command).Select(flag => flag.Key)];
        foreach ((string key, _) in json)
        {
            if (!known.Contains(key) && !AboutTheRun.Contains(key))
                throw new UsageException($"{path}: '{key}' is no setting of {command.Name}.{Nearest.Hint(key, known)}");
        }

        // A run's own file without a flag is older than the flag.
        if (json.ContainsKey("command"))
        {
            foreach (IFlag flag in FlagsOf(command).Where(flag => flag.Formerly is not null)) json.TryAdd(flag.Key, flag.Formerly);
        }
        return json;
    }

    /// <summary>The configuration as command-line tokens, but for flags that stand on the command line already.</summary>
    public static IEnumerable<string> Tokens(string path, JsonObject json, Command command, IReadOnlySet<string> onCommandLine)
    {
        foreach (IFlag flag in FlagsOf(command))
        {
            if (onCommandLine.Contains(flag.Key) || !json.TryGetPropertyValue(flag.Key, out JsonNode? value) || value is null) continue;
            if (value is not JsonArray items) yield return $"--{flag.Key}={Text(path, flag, value)}";
            else if (flag.Repeats) foreach (JsonNode? one in items) yield return $"--{flag.Key}={Text(path, flag, one)}";
            else if (flag.TakesList) yield return $"--{flag.Key}={string.Join(',', items.Select(one => Text(path, flag, one)))}";
            else throw Unusable(path, flag, items);
        }
    }

    private static IEnumerable<IFlag> FlagsOf(Command command) => command.Options.OfType<IFlag>();

    // A switch is true or false; any other flag checks the text that a number or a text makes.
    private static string Text(string path, IFlag flag, JsonNode? value) => value?.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False when flag.IsSwitch => value.ToJsonString(),
        JsonValueKind.Number or JsonValueKind.String when !flag.IsSwitch => value.ToString(),
        _ => throw Unusable(path, flag, value),
    };

    private static UsageException Unusable(string path, IFlag flag, JsonNode? value) =>
        new($"{path}: the value of '{flag.Key}' is {value?.ToJsonString() ?? "null"}; "
            + (flag.IsSwitch
                ? "true or false"
                : flag.TakesList || flag.Repeats ? "a number, a text or a list of these" : "a number or a text")
            + " is needed.");
}
