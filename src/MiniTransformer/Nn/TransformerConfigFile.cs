using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn.Families;

namespace MiniTransformer.Nn;

// config.json: reading and writing.
public sealed partial record TransformerConfig
{
    // The file that the configuration was read from, as text. What it says beyond the model's numbers is written back.
    private string? Source { get; init; }

    /// <summary>The type of the weights, as the file says it; null where it says none.</summary>
    public ElementType? SaidType =>
        Source is not null && JsonNode.Parse(Source) is JsonObject root && (root["torch_dtype"] ?? root["dtype"]) is JsonValue said
        && said.TryGetValue(out string? name) && Enum.GetValues<ElementType>() is var types
        && Array.FindIndex(types, type => type.Name() == name) is >= 0 and var at
        ? types[at] : null;

    /// <summary>Reads the config.json of a Hugging Face model of one of the families.</summary>
    /// <param name="path">The model's folder, or the path of its config.json.</param>
    /// <remarks>
    /// What an absent field means is Hugging Face's value of the family: see Nn/Families. The begin, end and pad ids alone have no
    /// default; the end ids of generation_config.json count beside those of config.json.
    /// One outside the vocabulary (−1 is in use for "none") can never occur and reads as absent. Fields that ask for what is not
    /// implemented are refused by name, all others are passed over, and written back by <see cref="Save"/>.
    /// </remarks>
    /// <exception cref="TransformerConfigException">The file is not a config.json of a family that is implemented, or asks for what is not
    /// implemented.</exception>
    /// <exception cref="FileNotFoundException">There is no config.json.</exception>
    public static TransformerConfig Load(string path)
    {
        string file = FileOf(path);
        if (!File.Exists(file))
            throw new FileNotFoundException(
                $"There is no '{file}'. A model's folder holds config.json and model.safetensors in Hugging Face's form.", file);
        try
        {
            return Read(File.ReadAllText(file), CompanionFiles.Read(Path.GetDirectoryName(Path.GetFullPath(file))!)).Validate();
        }
        catch (TransformerConfigException e)
        {
            throw new TransformerConfigException(e.Field, $"{file}: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TransformerConfigException(null, $"{file}: not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>Writes config.json in a form that Hugging Face transformers 4 and 5 both load.</summary>
    /// <param name="path">The model's folder, or a path that ends with .json.</param>
    /// <param name="weights">The type of the weights that go with it.</param>
    /// <exception cref="TransformerConfigException">The configuration contradicts itself.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path, ElementType weights = ElementType.F32)
    {
        Validate();
        AtomicFile.WriteAllText(FileOf(path), ToJson(weights));
    }

    /// <summary>The text of config.json: that of the file that the configuration was read from, if nothing was changed since, else its
    /// fields.</summary>
    public string ToJson(ElementType weights = ElementType.F32)
    {
        if (Source is { } source && Read(source, Companions) == this) return WithType(source, weights.Name());
        Family family = Family.Of(Form);
        var json = new ConfigWriter();
        family.Write(json, this);
        json.Texts("architectures", [family.Architecture]);
        json.Text("model_type", family.ModelType);
        json.Text("dtype", weights.Name()); // the newer name of torch_dtype
        json.Text("torch_dtype", weights.Name());

        // Written out even if null: an absent bos or eos id would mean 1 or 2 to Hugging Face.
        json.OptionalInt("bos_token_id", BeginId);
        json.Add("eos_token_id", WriteEnds);
        json.OptionalInt("pad_token_id", PadId);
        return json.ToString();
    }

    private static TransformerConfig Read(string text, CompanionFiles companions)
    {
        var strict = new JsonDocumentOptions { AllowDuplicateProperties = false };
        using JsonDocument json = JsonDocument.Parse(text, strict);
        var fields = new ConfigFields(json.RootElement);
        TransformerConfig config = Family.Of(fields).Read(fields);
        fields.RefuseWhatIsNotImplemented();
        return config.WithTokens(json.RootElement, companions) with { Source = text };
    }

    // The file's own text, but for the type of the weights.
    private static string WithType(string source, string type)
    {
        JsonObject root = JsonNode.Parse(source)!.AsObject();
        string[] names = [.. new[] { "torch_dtype", "dtype" }.Where(root.ContainsKey)];
        if (Array.TrueForAll(names, name => root[name]?.GetValueKind() == JsonValueKind.String && root[name]!.GetValue<string>() == type)
            && names.Length > 0)
            return source;
        if (names.Length == 0 && type == ElementType.F32.Name()) return source; // which an absent type means
        if (names.Length == 0) names = ["torch_dtype"];
        foreach (string name in names) root[name] = type;
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" })) root.WriteTo(json);
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static string FileOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(path)
            ? path
            : Path.Combine(path, "config.json");
    }
}
