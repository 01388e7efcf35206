using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MiniTransformer.Autograd;

namespace MiniTransformer.Nn;

/// <summary>adapter_config.json: the settings of adapters, as PEFT has them.</summary>
internal static class PeftSettings
{
    private const string Tying = "ensure_weight_tying", Whole = "modules_to_save";

    /// <summary>The settings of a model's adapters.</summary>
    /// <param name="model">The model.</param>
    /// <param name="kept">What of it is trained.</param>
    public static JsonObject Of(Transformer model, IReadOnlyList<Parameter> kept)
    {
        LoraOptions lora = model.Lora!;
        string[] modules = [.. kept.Where(p => !Adapter.IsPartOf(p.Name)).Select(p => LoraOptions.ModuleOf(p.Name))
            .Where(module => !lora.Modules.Any(name => LoraOptions.Names(name, module))).Select(module => module.Split('.')[^1])
            .Concat(lora.Modules).Distinct().Order(StringComparer.Ordinal)];
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
            [Whole] = modules.Length == 0 ? null : Texts(modules),
            ["peft_type"] = "LORA",
            ["r"] = lora.Rank,
            ["rank_pattern"] = new JsonObject(lora.Ranks.Select(r => KeyValuePair.Create(r.Key, (JsonNode?)r.Value))),
            ["revision"] = null,
            ["target_modules"] = Texts(lora.Targets),
            ["task_type"] = "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = lora.RankStabilised,
        };
        // An older PEFT does not know the field, and has no need of it elsewhere.
        if (model.Config.TieEmbeddings && kept.Any(p => p.Name == LoraOptions.Table)) config[Tying] = true;
        return config;

        static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(t => JsonValue.Create(t))];
    }

    /// <summary>The settings of a folder's adapters.</summary>
    public static LoraOptions Read(string folder, TransformerConfig config)
    {
        string path = Path.Combine(folder, PeftFiles.Config);
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

        string[] paths = LoraOptions.Paths(config);
        string[]? saved = Names(Whole);
        if (saved is null && json[Whole] is { } other) throw Refused(Whole, $"{other.ToJsonString()}; it should be a list of names");
        (AlsoTrained also, string[] modules) = Grouped(saved ?? [], paths);
        var lora = new LoraOptions
        {
            Rank = json["r"]?.GetValue<int>() ?? 8,
            Alpha = json["lora_alpha"]?.GetValue<double>() ?? 8,
            RankStabilised = True("use_rslora"),
            Ranks = Pattern<int>("rank_pattern"),
            Alphas = Pattern<double>("alpha_pattern"),
            Targets = Targets(paths),
            Also = also,
            Modules = modules,
        };
        try
        {
            lora.Validate(config);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }

        bool tying = True(Tying);
        return tying || !config.TieEmbeddings || !lora.Trains(LoraOptions.Table) ? lora : throw new InvalidDataException(
            $"{path}: {Whole} names the table of tokens, which is this model's head, too (tie_word_embeddings); without {Tying} = true PEFT "
            + $"replaces the table and leaves the head, which is not implemented. If the head was trained with it, set {Tying} to true; "
            + "else have PEFT merge the adapters into a base whose head is its own.");

        string? Text(string field) => json[field]?.GetValueKind() == JsonValueKind.String ? json[field]!.GetValue<string>() : null;

        bool True(string field) => json[field]?.GetValueKind() switch
        {
            null or JsonValueKind.False => false,
            JsonValueKind.True => true,
            _ => throw Refused(field, $"{json[field]!.ToJsonString()}; it should be true or false"),
        };

        IReadOnlyDictionary<string, T> Pattern<T>(string field) => json[field] switch
        {
            null => new Dictionary<string, T>(),
            JsonObject pattern when pattern.All(p => p.Value is not null) => pattern.ToDictionary(p => p.Key, p => p.Value!.GetValue<T>()),
            var other => throw Refused(field, $"{other.ToJsonString()}; it should give each name a number"),
        };

        // Null where there is another thing than a list.
        string[]? Names(string field) => json[field] is not JsonArray list
            ? null
            : list.All(name => name?.GetValueKind() == JsonValueKind.String && name.GetValue<string>().Length > 0)
                ? [.. list.Select(name => name!.GetValue<string>())]
                : throw Refused(field, $"{list.ToJsonString()}; it should be a list of names");

        // A list of names, "all-linear", or a regular expression of whole paths. Of a list, what the model does not have is passed over, as
        // PEFT does.
        IReadOnlyList<string> Targets(string[] all)
        {
            const string Field = "target_modules";
            string[] there = [.. all.Where(path => LoraOptions.Projections.Contains(path.Split('.')[^1]))];
            bool Ends(string path, string name) => path == name || path.EndsWith("." + name, StringComparison.Ordinal);
            if (Names(Field) is { } names) return [.. names.Where(name => there.Any(path => Ends(path, name)))];
            string pattern = Text(Field)
                ?? (json[Field] is { } value ? throw Refused(Field, $"{value.ToJsonString()}; it should be a list of names") : "");
            if (pattern == "all-linear") return [.. LoraOptions.Projections.Where(p => there.Any(path => Ends(path, p)))];
            return [.. there.Where(path =>
                Regex.IsMatch(path, $"^(?:{pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)))];
        }

        InvalidDataException Refused(string field, string why) => new($"{path}: {field} = {why}.");
    }

    // The groups that names stand for as a whole, and the names that stand for anything else.
    private static (AlsoTrained, string[]) Grouped(string[] names, string[] paths)
    {
        AlsoTrained also = AlsoTrained.Nothing;
        foreach (AlsoTrained group in new[] { AlsoTrained.Norms, AlsoTrained.Embeddings, AlsoTrained.Head, AlsoTrained.All })
        {
            string[] members = [.. paths.Where(path => In(group, path))];
            if (members.Length > 0 && members.All(path => names.Any(name => LoraOptions.Names(name, path)))) also |= group;
        }

        bool Covered(string name) => paths.Where(path => LoraOptions.Names(name, path)).ToArray() is { Length: > 0 } found
            && found.All(path => In(also, path));
        string[] others = [.. names.Where(name => !Covered(name))];
        return also.HasFlag(AlsoTrained.All) ? (AlsoTrained.All, others) : (also, others);

        static bool In(AlsoTrained groups, string path) => new LoraOptions { Also = groups }.Trains(path + ".weight");
    }

    /// <summary>The file's fields.</summary>
    public static JsonObject Open(string folder)
    {
        string path = Path.Combine(folder, PeftFiles.Config);
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
