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
        AtomicFile.WriteAllText(Path.Combine(folder, Config), PeftSettings.Of(model, kept).ToJsonString(Json) + "\n");
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (model.Base?.Sha256 is { } hash) metadata[BaseHash] = hash;
        IEnumerable<(string Name, Parameter Parameter)> named = kept.Select(p => (p.Name, p));
        if (model.Config.TieEmbeddings) // PEFT wraps the head, too, and needs the table under both names
            named = named.Concat(kept.Where(p => p.Name == LoraOptions.Table).Select(p => (LoraOptions.HeadWeight, p)));
        SafetensorsWriter.Write(
            Path.Combine(folder, Weights),
            named.Select(n => new TensorData(Prefix + n.Name, n.Parameter.Shape.ToArray(), n.Parameter.Read) { Type = type }),
            metadata);
    }

    /// <summary>The base that the adapters of a folder say.</summary>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static AdaptedBase BaseOf(string folder)
    {
        JsonNode? said = PeftSettings.Open(folder)["base_model_name_or_path"];
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

        if (model.Config.TieEmbeddings && known.Contains(Prefix + LoraOptions.Table) && file.Contains(Prefix + LoraOptions.HeadWeight))
        {
            CheckTied(file);
            known.Add(Prefix + LoraOptions.HeadWeight);
        }

        if (file.Entries.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw new SafetensorsException(file.Path, unknown,
                $"there is no such parameter of the adapted model; projections are adapted ({string.Join(", ", LoraOptions.Projections)}), "
                + "and norms, embeddings and a head of its own can be kept whole");
        }
    }

    private static void CheckTied(SafetensorsReader file)
    {
        const string Head = Prefix + LoraOptions.HeadWeight;
        if (!file.ReadFloat32(Head).AsSpan().SequenceEqual(file.ReadFloat32(Prefix + LoraOptions.Table)))
        {
            throw new SafetensorsException(file.Path, Head, "the head of the base is its table of tokens (tie_word_embeddings), but this "
                + $"differs from '{Prefix + LoraOptions.Table}'; remove the one that is not meant");
        }
    }

    /// <summary>The settings of a folder's adapters, for a base.</summary>
    /// <exception cref="InvalidDataException">They ask for what is not implemented, or do not fit the base.</exception>
    public static LoraOptions Read(string folder, TransformerConfig config)
    {
        try
        {
            LoraOptions lora = PeftSettings.Read(folder, config);
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
}
