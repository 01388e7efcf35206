using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Cli.Options;

/// <summary>The effective values of a command's flags: from the command line, else from the configuration file, else the default, else what
/// the command resolved them to.</summary>
internal sealed class Settings(Command command, ParseResult result, IReadOnlySet<string> onCommandLine, IReadOnlySet<string>? named = null)
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<IFlag, object?> resolved = [];

    /// <summary>The command's name.</summary>
    public string Command => command.Name;

    /// <summary>Whether the values are those of a run that is continued, where nothing else is given.</summary>
    public bool Resumes => named is not null;

    /// <summary>The flag's value.</summary>
    public T Get<T>(Flag<T> flag) => resolved.TryGetValue(flag, out object? value) ? (T)value! : result.GetValue(flag)!;

    /// <summary>The value of what is given without a flag.</summary>
    public T? Get<T>(Argument<T> argument) => result.GetValue(argument);

    /// <summary>A flag's value that has to be given.</summary>
    /// <exception cref="UsageException">It was not.</exception>
    public string Required(Flag<string?> flag) =>
        Get(flag) ?? throw new UsageException($"{flag.Name} is needed: {flag.Description}.");

    /// <summary>Whether a flag was given, on the command line or in the configuration file.</summary>
    public bool Given(Option flag) => result.GetResult(flag) is OptionResult { Implicit: false };

    /// <summary>Whether a flag stands on the command line itself.</summary>
    public bool OnCommandLine(IFlag flag) => onCommandLine.Contains(flag.Key);

    /// <summary>
    /// Whether a run that is continued is asked for this flag's value now: on the command line, or in a configuration file that says
    /// "resume".
    /// </summary>
    public bool Named(IFlag flag) => (named ?? onCommandLine).Contains(flag.Key);

    /// <summary>Gives a flag the value that the command chose for it.</summary>
    public T Resolve<T>(Flag<T> flag, T value)
    {
        resolved[flag] = value;
        return value;
    }

    /// <summary>All values that make up the run, by key: what is saved with it, and what --config reads.</summary>
    public JsonObject Effective()
    {
        var json = new JsonObject { ["command"] = command.Name };
        foreach (IFlag flag in command.Options.OfType<IFlag>().Where(flag => flag.Saved))
        {
            object? value = resolved.TryGetValue(flag, out object? chosen) ? chosen : flag.ValueIn(result);
            if (value is not null && flag.ToJson(value) is { } node) json[flag.Key] = node;
        }

        return json;
    }

    /// <summary>Refuses flags, but for inputs, that say something else than the run that is resumed.</summary>
    public void CheckSame(JsonObject saved)
    {
        foreach (IFlag flag in command.Options.OfType<IFlag>().Where(flag => flag.Saved && !flag.MayChange && !flag.IsInput && Named(flag)))
        {
            JsonNode? given = flag.ToJson(flag.ValueIn(result)), began = saved[flag.Key];
            if (Shown(given) == Shown(began)) continue;
            throw new UsageException(
                $"--{flag.Key} {Shown(given) ?? "null"} is not what the run began with ({Shown(began) ?? "nothing"}), "
                    + "and a resumed run continues as it began; " +
                "leave the flag out, or start another run with another --out.");
        }

        static string? Shown(JsonNode? value) => value?.ToJsonString(Readable);
    }
}
