using System.CommandLine;
using System.Text.Json.Nodes;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Cli.Options;

/// <summary>A flag of a command, which is also a key of its configuration file: --checkpoint-every is "checkpoint-every".</summary>
internal interface IFlag
{
    /// <summary>The key in configuration files.</summary>
    string Key { get; }

    /// <summary>Whether the flag is part of a run's configuration; --resume, --json and the like are not.</summary>
    bool Saved { get; }

    /// <summary>Whether a resumed run may have another value than the run began with.</summary>
    bool MayChange { get; }

    /// <summary>Whether it names an input of the run, which is known by its content: a resumed run may find it elsewhere.</summary>
    bool IsInput { get; }

    /// <summary>Whether it may be given several times, and has a list of values.</summary>
    bool Repeats { get; }

    /// <summary>What a run did that was made before there was the flag, where that is not the flag's default; else null.</summary>
    string? Formerly { get; }

    /// <summary>Whether its value may be several words or numbers, separated by commas.</summary>
    bool TakesList { get; }

    /// <summary>Whether it is a switch: its value is true or false.</summary>
    bool IsSwitch { get; }

    /// <summary>The words that it may be; empty where it may be others.</summary>
    IReadOnlyList<string> Choices { get; }

    /// <summary>Whether it names files or folders.</summary>
    bool IsPath { get; }

    /// <summary>A value as JSON.</summary>
    JsonNode? ToJson(object? value);

    /// <summary>The value in a parsed command line.</summary>
    object? ValueIn(ParseResult result);
}

/// <summary>A flag with a value of type T.</summary>
internal sealed class Flag<T> : Option<T>, IFlag
{
    /// <summary>A flag; what it is for is said by the description, and whether a value will do by <paramref name="parse"/>.</summary>
    public Flag(string name, string description, Func<string, T> parse, T? defaultValue = default, bool hasDefault = false)
        : this(name, description, texts => typeof(T) == typeof(bool) && texts.Length == 0 ? (T)(object)true : parse(texts[0]))
    {
        if (hasDefault) DefaultValueFactory = _ => defaultValue!;
        if (typeof(T) == typeof(bool)) Arity = ArgumentArity.ZeroOrOne;
    }

    /// <summary>A flag that may be given several times.</summary>
    public static Flag<T> Repeated(string name, string description, Func<string[], T> parse, string helpName, bool isInput) =>
        new(name, description, parse) { Arity = ArgumentArity.OneOrMore, Repeats = true, HelpName = helpName, IsInput = isInput };

    private Flag(string name, string description, Func<string[], T> parse)
        : base(name)
    {
        Description = description;
        CustomParser = result =>
        {
            try
            {
                return parse([.. result.Tokens.Select(token => token.Value)]);
            }
            catch (UsageException e)
            {
                result.AddError($"{Name}: {e.Message}");
                return default;
            }
        };
    }

    /// <inheritdoc/>
    public string Key => Name[2..];

    /// <inheritdoc/>
    public bool Saved { get; init; } = true;

    /// <inheritdoc/>
    public bool MayChange { get; init; }

    /// <inheritdoc/>
    public bool IsInput { get; init; }

    /// <inheritdoc/>
    public bool Repeats { get; private init; }

    /// <inheritdoc/>
    public string? Formerly { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <inheritdoc/>
    public bool IsPath => HelpName is "DIR" or "FILE";

    /// <inheritdoc/>
    public bool TakesList => HelpName?.Contains(',', StringComparison.Ordinal) == true;

    /// <inheritdoc/>
    public bool IsSwitch => typeof(T) == typeof(bool);

    /// <inheritdoc/>
    public JsonNode? ToJson(object? value) => value switch
    {
        null => null,
        double[] { Length: 0 } => JsonValue.Create("none"),
        double[] numbers => new JsonArray([.. numbers.Select(n => (JsonNode)JsonValue.Create(n))]),
        string[] { Length: 0 } => null,
        string[] texts => new JsonArray([.. texts.Select(t => (JsonNode)JsonValue.Create(t))]),
        bool b => JsonValue.Create(b),
        int i => JsonValue.Create(i),
        ulong u => JsonValue.Create(u),
        double d => JsonValue.Create(d),
        _ => JsonValue.Create(value.ToString()),
    };

    /// <inheritdoc/>
    public object? ValueIn(ParseResult result) => result.GetValue(this);
}
