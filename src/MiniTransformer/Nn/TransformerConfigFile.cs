using System.Globalization;
using System.Text;
using System.Text.Json;
using MiniTransformer.IO;

namespace MiniTransformer.Nn;

// config.json: reading and writing.
public sealed partial record TransformerConfig
{
    /// <summary>Reads the config.json of a Hugging Face Llama model.</summary>
    /// <param name="path">The model's folder, or the path of its config.json.</param>
    /// <remarks>
    /// An absent field has the value that Hugging Face gives it: num_key_value_heads = num_attention_heads, head_dim = hidden_size /
    /// num_attention_heads, max_position_embeddings = 2048, rope_theta = 10000, rms_norm_eps = 1e-6, tie_word_embeddings = false. The
    /// begin, end and pad ids alone have no default; the end ids of generation_config.json count beside those of config.json. rope_theta may stand at the top, or in rope_parameters as transformers 5 writes it. Fields that ask for what is not
    /// implemented are refused (<see cref="LlamaConfigFields"/>), all others are ignored.
    /// </remarks>
    /// <exception cref="TransformerConfigException">The file is not a config.json of a Llama model, or asks for what is not
    /// implemented.</exception>
    /// <exception cref="FileNotFoundException">There is no config.json.</exception>
    public static TransformerConfig Load(string path)
    {
        string file = FileOf(path);
        if (!File.Exists(file))
            throw new FileNotFoundException(
                $"There is no '{file}'. A model's folder holds config.json and model.safetensors in Hugging Face's Llama form.", file);
        try
        {
            var strict = new JsonDocumentOptions { AllowDuplicateProperties = false };
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(file), strict);
            TransformerConfig read = Read(new LlamaConfigFields(json.RootElement));
            return read.WithTokens(json.RootElement, CompanionFiles.Read(Path.GetDirectoryName(Path.GetFullPath(file))!)).Validate();
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
    /// <exception cref="TransformerConfigException">The configuration contradicts itself.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        Validate();
        AtomicFile.WriteAllText(FileOf(path), ToJson());
    }

    /// <summary>The text of config.json.</summary>
    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteStartArray("architectures");
            json.WriteStringValue("LlamaForCausalLM");
            json.WriteEndArray();
            json.WriteBoolean("attention_bias", false);
            WriteFloat(json, "attention_dropout", 0);
            WriteId(json, "bos_token_id", BeginId);
            json.WriteString("dtype", "float32"); // the newer name of torch_dtype
            WriteEnds(json);
            json.WriteNumber("head_dim", HeadDim);
            json.WriteString("hidden_act", "silu");
            json.WriteNumber("hidden_size", HiddenSize);
            json.WriteNumber("intermediate_size", IntermediateSize);
            json.WriteNumber("max_position_embeddings", MaxPositions);
            json.WriteBoolean("mlp_bias", false);
            json.WriteString("model_type", "llama");
            json.WriteNumber("num_attention_heads", NumHeads);
            json.WriteNumber("num_hidden_layers", NumLayers);
            json.WriteNumber("num_key_value_heads", NumKeyValueHeads);
            WriteId(json, "pad_token_id", PadId);
            WriteFloat(json, "rms_norm_eps", RmsNormEps);
            json.WriteStartObject("rope_parameters"); // read by transformers 5
            WriteFloat(json, "rope_theta", RopeTheta);
            json.WriteString("rope_type", "default");
            json.WriteEndObject();
            WriteFloat(json, "rope_theta", RopeTheta); // read by transformers 4
            json.WriteBoolean("tie_word_embeddings", TieEmbeddings);
            json.WriteString("torch_dtype", "float32");
            json.WriteNumber("vocab_size", VocabSize);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static TransformerConfig Read(LlamaConfigFields fields)
    {
        fields.RefuseWhatIsNotImplemented();
        var config = new TransformerConfig
        {
            VocabSize = fields.Int("vocab_size"),
            HiddenSize = fields.Int("hidden_size"),
            IntermediateSize = fields.Int("intermediate_size"),
            NumLayers = fields.Int("num_hidden_layers"),
            NumHeads = fields.Int("num_attention_heads"),
            MaxPositions = fields.OptionalInt("max_position_embeddings") ?? 2048,
            RopeTheta = fields.RopeTheta() ?? 10000f,
            RmsNormEps = fields.OptionalFloat("rms_norm_eps") ?? 1e-6f,
            TieEmbeddings = fields.OptionalBool("tie_word_embeddings") ?? false,
        };
        if (fields.OptionalInt("num_key_value_heads") is { } keyValueHeads) config = config with { NumKeyValueHeads = keyValueHeads };
        if (fields.OptionalInt("head_dim") is { } headDim) config = config with { HeadDim = headDim };
        return config;
    }

    private static string FileOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(path)
            ? path
            : Path.Combine(path, "config.json");
    }

    // The shortest digits that read back as the same float32, always with a point or an exponent: transformers 5 refuses a whole number
    // where it wants a float.
    private static void WriteFloat(Utf8JsonWriter json, string field, float value)
    {
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        json.WritePropertyName(field);
        json.WriteRawValue(digits.AsSpan().ContainsAny('.', 'E') ? digits : digits + ".0");
    }
}
