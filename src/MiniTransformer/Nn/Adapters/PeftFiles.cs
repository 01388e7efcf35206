using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>The model that adapters adapt.</summary>
/// <param name="Folder">Its folder, or the name that a file gives it.</param>
/// <param name="Sha256">Its hash, by which it is known again; null where a file says none.</param>
public sealed record AdaptedBase(string Folder, string? Sha256);

/// <summary>
/// Adapters in the form of Hugging Face's PEFT: adapter_config.json, and adapter_model.safetensors with the factors and whatever else was
/// trained, under base_model.model.NAME. The hash of the base is in the metadata, where PEFT does not look.
/// </summary>
public static class PeftFiles
{
    /// <summary>The settings' file.</summary>
    public const string Config = "adapter_config.json";

    /// <summary>The factors' file.</summary>
    public const string Weights = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.", BaseHash = "base_sha256";

    private static readonly JsonSerializerOptions Json =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a folder holds adapters.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, Config));

    /// <summary>Writes the adapters of a model, and what else of it is trained.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The model.</param>
    /// <param name="type">The type of the numbers in the file.</param>
    public static void Write(string folder, Transformer model, ElementType type = ElementType.F32)
    {
        LoraOptions lora = model.Lora ?? throw new ArgumentException("PEFT: this model has no adapters.");
        Parameter[] kept = [.. model.Parameters.Where(p => lora.Trains(p.Name))];
        IEnumerable<string> whole = kept.Where(p => !Adapter.IsPartOf(p.Name)).Select(p => p.Name.Split('.')[^2]);
        string[] modules = [.. whole.Distinct().Order(StringComparer.Ordinal)];
        var config = new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(lora.Alphas.Select(a => KeyValuePair.Create(a.Key, (JsonNode?)a.Value))),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = model.Base?.Folder,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            ["lora_alpha"] = lora.Alpha,
            ["lora_dropout"] = 0.0,
            ["modules_to_save"] = modules.Length == 0 ? null : Texts(modules),
            ["peft_type"] = "LORA",
            ["r"] = lora.Rank,
            ["rank_pattern"] = new JsonObject(lora.Ranks.Select(r => KeyValuePair.Create(r.Key, (JsonNode?)r.Value))),
            ["revision"] = null,
            ["target_modules"] = Texts(lora.Targets),
            ["task_type"] = "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = lora.RankStabilised,
        };
        AtomicFile.WriteAllText(Path.Combine(folder, Config), config.ToJsonString(Json) + "\n");
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (model.Base?.Sha256 is { } hash) metadata[BaseHash] = hash;
        SafetensorsWriter.Write(
            Path.Combine(folder, Weights),
            kept.Select(p => new TensorData(Prefix + p.Name, p.Shape.ToArray(), p.Read) { Type = type }),
            metadata);

        static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(t => JsonValue.Create(t))];
    }

    /// <summary>The base that the adapters of a folder say.</summary>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static AdaptedBase BaseOf(string folder)
    {
        JsonNode? said = Open(folder)["base_model_name_or_path"];
        if (said is not null && said.GetValueKind() != JsonValueKind.String)
        {
            throw new InvalidDataException(
                $"{Path.Combine(folder, Config)}: base_model_name_or_path = {said.ToJsonString()}; it should be a text.");
        }

        string? path = said?.GetValue<string>();
        using SafetensorsReader file = SafetensorsReader.Open(Path.Combine(folder, Weights));
        return new AdaptedBase(path ?? "", file.Metadata.GetValueOrDefault(BaseHash));
    }

    /// <summary>A base with the adapters of a folder; the base's memory is shared.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="model">The base, frozen.</param>
    /// <param name="trainable">Whether what the adapters' settings train is to be trained.</param>
    /// <exception cref="InvalidDataException">The settings ask for what is not implemented, or the file does not fit them or the
    /// base.</exception>
    public static Transformer Load(string folder, Transformer model, bool trainable)
    {
        LoraOptions lora = Read(folder, model.Config);
        using SafetensorsReader file = SafetensorsReader.Open(Path.Combine(folder, Weights));
        float[]? OfFile(string name, Shape shape) => Values(file, name, shape);
        var adapted = new Transformer(model.Config, ParameterSource.Adapted(model.Parameters, model.Device, trainable, lora, OfFile));
        try
        {
            CheckAllUsed(file, adapted);
            return adapted;
        }
        catch
        {
            adapted.Dispose();
            throw;
        }
    }

    /// <summary>Takes over what is trained of a model from the file of a folder.</summary>
    /// <exception cref="InvalidDataException">The settings are others than the model's.</exception>
    public static void Fill(string folder, Transformer model)
    {
        LoraOptions found = Read(folder, model.Config), needed = model.Lora!;
        foreach (string path in LoraOptions.Paths(model.Config))
        {
            if (Has(found, path) is var there && there != Has(needed, path))
                throw new InvalidDataException($"{folder}: of {path} it has {there}; the run that is resumed has {Has(needed, path)}.");
        }

        using SafetensorsReader file = SafetensorsReader.Open(Path.Combine(folder, Weights));
        foreach (Parameter p in model.Parameters.Where(p => needed.Trains(p.Name)))
        {
            p.Set(Values(file, p.Name, p.Shape)
                ?? throw new InvalidDataException($"{folder}: {Weights} has no '{Prefix + p.Name}', which the run trains."));
        }

        // By what the settings mean for it: there are several ways to write the same.
        static string Has(LoraOptions lora, string path) => (lora.Adapts(path)
            ? string.Create(CultureInfo.InvariantCulture, $"factors with r = {lora.RankOf(path)} and s = {lora.ScaleOf(path)}")
            : "no factors") + (lora.Trains(path + ".weight") ? " and its own weight, trained" : "");
    }

    private static float[]? Values(SafetensorsReader file, string parameter, Shape shape)
    {
        string name = Prefix + parameter;
        if (!file.Contains(name))
        {
            return Adapter.IsPartOf(parameter)
                ? throw new SafetensorsException(file.Path, name, $"it is missing: by {Config} its projection is adapted")
                : null;
        }

        TensorEntry entry = file.Entry(name);
        if (!entry.Shape.SequenceEqual(shape.ToArray()))
        {
            throw new SafetensorsException(
                file.Path, name, $"it has shape {TensorEntry.Show(entry.Shape)}; by {Config} and the base it has {shape}");
        }

        var values = new float[shape.Count];
        file.ReadFinite(name, values);
        return values;
    }

    private static void CheckAllUsed(SafetensorsReader file, Transformer model)
    {
        // What the settings do not name would be used now, and not written when the adapters are saved again.
        var known = model.Parameters.Where(p => model.Lora!.Trains(p.Name)).Select(p => Prefix + p.Name).ToHashSet(StringComparer.Ordinal);
        if (model.Parameters.FirstOrDefault(p => !known.Contains(Prefix + p.Name) && file.Contains(Prefix + p.Name)) is { } whole)
        {
            throw new SafetensorsException(file.Path, Prefix + whole.Name,
                $"it is a whole weight that modules_to_save of {Config} does not name; name it there, or remove it");
        }

        if (file.Entries.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw new SafetensorsException(file.Path, unknown,
                $"there is no such parameter of the adapted model; projections are adapted ({string.Join(", ", LoraOptions.Projections)}), "
                + "and norms, embeddings and a head of its own can be kept whole");
        }
    }

    /// <summary>The settings of a folder's adapters, for a base.</summary>
    /// <exception cref="InvalidDataException">They ask for what is not implemented, or do not fit the base.</exception>
    public static LoraOptions Read(string folder, TransformerConfig config)
    {
        try
        {
            LoraOptions lora = Fields(folder, config);
            // a pattern may be no regular expression
            foreach (string path in LoraOptions.Paths(config).Where(lora.Adapts)) lora.ScaleOf(path);
            return lora;
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or RegexParseException or RegexMatchTimeoutException)
        {
            throw new InvalidDataException($"{Path.Combine(folder, Config)}: a field has a value of another kind than it should: "
                + $"{e.Message}", e);
        }
    }

    private static LoraOptions Fields(string folder, TransformerConfig config)
    {
        string path = Path.Combine(folder, Config);
        JsonObject json = Open(folder);
        if (Text("peft_type") is var kind && kind != "LORA") throw Refused("peft_type", $"\"{kind}\"; only LORA is implemented");
        if (Text("bias") is { } bias and not "none") throw Refused("bias", $"\"{bias}\"; biases are not trained");
        foreach (string flag in new[] { "use_dora", "lora_bias", "fan_in_fan_out", "use_qalora" })
            if (True(flag)) throw Refused(flag, "true, which is not implemented");
        foreach (string start in new[] { "pissa", "olora", "corda", "loftq", "lora_ga" })
        {
            if (Text("init_lora_weights")?.StartsWith(start, StringComparison.OrdinalIgnoreCase) == true)
            {
                throw Refused("init_lora_weights", $"\"{Text("init_lora_weights")}\", whose factors belong to a base that was changed "
                    + "with them; have PEFT convert them to those of the base itself (path_initial_model_for_weight_conversion)");
            }
        }

        string[] absent =
        [
            "layers_to_transform", "layer_replication", "megatron_config", "target_parameters", "trainable_token_indices",
            "exclude_modules",
            "alora_invocation_tokens",
        ];
        foreach (string field in absent)
        {
            bool set = json[field] is { } value && !(value is JsonArray { Count: 0 } or JsonObject { Count: 0 });
            if (set) throw Refused(field, "set, which is not implemented");
        }

        if (json["modules_to_save"] is { } list and not JsonArray)
            throw Refused("modules_to_save", $"{list.ToJsonString()}; it should be a list of names");
        string[] modules = json["modules_to_save"] is JsonArray saved ? [.. saved.Select(m => m!.GetValue<string>())] : [];
        var lora = new LoraOptions
        {
            Rank = json["r"]?.GetValue<int>() ?? 8,
            Alpha = json["lora_alpha"]?.GetValue<double>() ?? 8,
            RankStabilised = True("use_rslora"),
            Ranks = json["rank_pattern"] is JsonObject ranks ? ranks.ToDictionary(r => r.Key, r => r.Value!.GetValue<int>()) : [],
            Alphas = json["alpha_pattern"] is JsonObject alphas ? alphas.ToDictionary(a => a.Key, a => a.Value!.GetValue<double>()) : [],
            Targets = Targets(json["target_modules"], config),
            Also = modules.Aggregate(AlsoTrained.Nothing, (all, module) => all | AlsoOf(module)),
        };
        try
        {
            lora.Validate(config);
            return lora;
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }

        string? Text(string field) => json[field]?.GetValueKind() == JsonValueKind.String ? json[field]!.GetValue<string>() : null;

        bool True(string field) => json[field]?.GetValueKind() switch
        {
            null or JsonValueKind.False => false,
            JsonValueKind.True => true,
            _ => throw Refused(field, $"{json[field]!.ToJsonString()}; it should be true or false"),
        };

        AlsoTrained AlsoOf(string module) => module switch
        {
            "embed_tokens" => AlsoTrained.Embeddings,
            "lm_head" => AlsoTrained.Head,
            _ when module.EndsWith("norm", StringComparison.Ordinal) => AlsoTrained.Norms,
            _ when LoraOptions.Projections.Contains(module) => AlsoTrained.All,
            _ => throw Refused("modules_to_save", $"\"{module}\"; there is no such module"),
        };

        InvalidDataException Refused(string field, string why) => new($"{path}: {field} = {why}.");
    }

    // A list of names, "all-linear", or a regular expression of whole paths. Of a list, what the model does not have is passed over, as
    // PEFT does.
    private static IReadOnlyList<string> Targets(JsonNode? targets, TransformerConfig config)
    {
        string[] paths = [.. LoraOptions.Paths(config).Where(path => LoraOptions.Projections.Contains(path.Split('.')[^1]))];
        if (targets is JsonArray list)
        {
            string[] names = [.. list.Select(t => t!.GetValue<string>())];
            return [.. names.Where(name => paths.Any(path => path == name || path.EndsWith("." + name, StringComparison.Ordinal)))];
        }

        string pattern = targets?.GetValue<string>() ?? "";
        if (pattern == "all-linear")
            return [.. LoraOptions.Projections.Where(p => paths.Any(path => path.EndsWith("." + p, StringComparison.Ordinal)))];
        return [.. paths.Where(path => Regex.IsMatch(path, $"^(?:{pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)))];
    }

    private static JsonObject Open(string folder)
    {
        string path = Path.Combine(folder, Config);
        try
        {
            return JsonNode.Parse(File.ReadAllText(path))?.AsObject() ?? throw new JsonException("it holds null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: not the settings of adapters: {e.Message}", e);
        }
    }
}
