using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.IO;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The settings of a run as one record, which is what run.json holds: a property for every flag that is saved, by the flag's name, and what
/// is known of the run beside them. It is written from the flags and read by everything that comes after as a whole, so that no setting can
/// be left behind; a flag without a property is refused at the first run.
/// </summary>
internal abstract record RunSettings
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        IgnoreReadOnlyProperties = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The command that made it.</summary>
    [JsonPropertyOrder(-1)]
    public string Command { get; init; } = "";

    /// <summary>--seed.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>--device.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>--threads.</summary>
    public int Threads { get; init; }

    /// <summary>--precision.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>The run's folder when this was written: what it was given is looked for as far from where it is now.</summary>
    public string? Folder { get; init; }

    /// <summary>The settings that a command line gives.</summary>
    public static T Of<T>(Settings settings)
        where T : RunSettings => Parse<T>(settings.Effective(), $"the flags of {settings.Command}");

    /// <summary>The settings of the run in a folder, which has to be one of <typeparamref name="T"/>'s command.</summary>
    /// <exception cref="IOException">There is no run in the folder, or its run.json cannot be read.</exception>
    public static T Read<T>(string folder)
        where T : RunSettings => Parse<T>(RunDirectory.ReadConfiguration<JsonObject>(folder), RunDirectory.ConfigurationPath(folder));

    /// <summary>The settings of the SFT or DPR run in a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="flag">The flag that named it, for the message.</param>
    /// <exception cref="UsageException">It is a run of another command.</exception>
    public static TrainingSettings ReadTraining(string folder, string flag) => CommandOf(folder) switch
    {
        "sft" => Read<SftRun>(folder),
        "dpr" => Read<DprRun>(folder),
        var other =>
            throw new UsageException($"{flag}: '{Invocation.Shown(folder)}' is a run of '{other}'; one of sft or dpr is needed, or a "
                + "model's folder."),
    };

    /// <summary>The command that made the run in a folder.</summary>
    public static string? CommandOf(string folder) =>
        (RunDirectory.ReadConfiguration<JsonObject>(folder)["command"] as JsonValue)?.ToString();

    /// <summary>A name, and a hash of these settings: what a result of the run says it belongs to.</summary>
    protected string Belonging(string name) => $"{name} {Checksums.OfText(ToJson().ToJsonString())[..16]}";

    /// <summary>As it is saved.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, GetType(), Json)!.AsObject();

    private static T Parse<T>(JsonObject json, string from)
        where T : RunSettings
    {
        try
        {
            return json.Deserialize<T>(Json)!;
        }
        catch (JsonException e)
        {
            throw new IOException($"{from}: they cannot be read as the settings of a run: {Messages.Of(e)}", e);
        }
    }
}

/// <summary>What the settings of SFT and DPR runs share: they train a policy, and they have data.</summary>
internal abstract record TrainingSettings : RunSettings
{
    /// <summary>The SFT run that the data are those of: itself, or the one that DPR started from.</summary>
    public abstract SftRun Demonstrated { get; }

    /// <summary>The data to measure on, as an input.</summary>
    public RunInput? EvalInput =>
        EvalData is null ? null : new RunInput("the data to measure on (--eval-data)", EvalData, EvalDataSha256, IsModel: false);

    /// <summary>The data to measure on, where they are now; null where there are none.</summary>
    /// <param name="folder">Where the run is now.</param>
    /// <exception cref="InvalidDataException">They have changed.</exception>
    public string? EvalAt(string folder) => EvalInput?.Find((Folder, folder)) ?? SourceAt(folder).EvalFile;

    /// <summary>Where the demonstrations come from, with files where they are now.</summary>
    /// <param name="folder">Where the run is now.</param>
    /// <exception cref="InvalidDataException">The file has changed.</exception>
    public abstract DataSource SourceAt(string folder);

    /// <summary>The longest response that was drawn in training; null where none were.</summary>
    public abstract int? LongestDrawn { get; }

    /// <summary>--verify: what judges responses to own data.</summary>
    public string? Verify { get; init; }

    /// <summary>--judge-timeout.</summary>
    public double JudgeTimeout { get; init; } = 10;

    /// <summary>--eval-data.</summary>
    public string? EvalData { get; init; }

    /// <summary>The hash of --eval-data.</summary>
    [JsonPropertyName("evalDataSha256")]
    public string? EvalDataSha256 { get; init; }

    /// <summary>--checkpoint-every.</summary>
    public int? CheckpointEvery { get; init; }

    /// <summary>--evaluate-every.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>--save-dtype: the type of the weights in the models that the run writes; null for the one that they came in.</summary>
    public string? SaveDtype { get; init; }
}

/// <summary>--keep-at: numbers, or "none".</summary>
internal sealed class FractionsConverter : JsonConverter<double[]>
{
    /// <inheritdoc/>
    public override double[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("none")
            ? []
            : JsonSerializer.Deserialize<double[]>(ref reader) ?? [];

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double[] value, JsonSerializerOptions options)
    {
        if (value.Length == 0) writer.WriteStringValue("none");
        else JsonSerializer.Serialize(writer, value);
    }
}
