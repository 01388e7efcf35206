using System.Text.Json;

namespace MiniTransformer.Nn.Families;

/// <summary>
/// A family of checkpoints: which fields of config.json it has and what each means, and what its tensors are called in a file. A new
/// family is one class and one line in <see cref="All"/>, and a case of GgufModel if it is to be exported. Parameters have Llama's names; a
/// family whose files have others says which.
/// </summary>
internal abstract class Family
{
    /// <summary>All families.</summary>
    public static IReadOnlyList<Family> All { get; } = [new Llama(), new Mistral(), new Qwen2(), new Qwen3(), new Gemma3(), new Gpt2()];

    /// <summary>The model_type of config.json.</summary>
    public abstract string ModelType { get; }

    /// <summary>The name in config.json's architectures.</summary>
    public abstract string Architecture { get; }

    /// <summary>The family of a form.</summary>
    public static Family Of(TransformerForm form) =>
        All.FirstOrDefault(f => f.ModelType == form.ModelType)
        ?? throw new TransformerConfigException("model_type", $"model_type = \"{form.ModelType}\" is not implemented; there are {Names}.");

    /// <summary>The family that a config.json names.</summary>
    public static Family Of(ConfigFields fields)
    {
        JsonElement? type = fields.Find("model_type"), architectures = fields.Find("architectures");
        if (type is null && architectures is null)
            throw new TransformerConfigException("model_type", $"model_type is missing; it names the family of the model: {Names}.");
        Family? family = All.FirstOrDefault(f => type is { } t ? ConfigFields.IsText(t, f.ModelType) : f.Is(architectures!.Value));
        if (family is null)
        {
            (string field, JsonElement value) = type is { } t ? ("model_type", t) : ("architectures", architectures!.Value);
            throw ConfigFields.Refused(field, value, $"there are {Names}");
        }

        return architectures is not { } a || family.Is(a)
            ? family
            : throw ConfigFields.Refused("architectures", a, $"of {family.ModelType} only [\"{family.Architecture}\"] is implemented");
    }

    /// <summary>The configuration that the fields mean; tokens are read elsewhere.</summary>
    public abstract TransformerConfig Read(ConfigFields fields);

    /// <summary>The fields of a configuration, but for tokens and types.</summary>
    public abstract void Write(ConfigWriter json, TransformerConfig config);

    /// <summary>Where a file has a parameter.</summary>
    public virtual StoredParameter Stored(string parameter) => new(parameter);

    /// <summary>Another name under which files have a tensor, or null.</summary>
    public virtual string? OtherName(string tensor) => null;

    /// <summary>Whether a tensor that files may have follows from the configuration and is passed over.</summary>
    public virtual bool Follows(string tensor) => false;

    /// <summary>The family's name of a field that Llama has.</summary>
    public virtual string FieldName(string field) => field;

    private static string Names => string.Join(", ", All.Select(f => f.ModelType));

    private bool Is(JsonElement architectures) =>
        architectures.ValueKind == JsonValueKind.Array && architectures.EnumerateArray().Any(a => ConfigFields.IsText(a, Architecture));
}

/// <summary>Where a file has a parameter: as a tensor of some name, whole, or as one of the equal parts of its columns, or
/// transposed.</summary>
/// <param name="Tensor">The tensor's name.</param>
/// <param name="Transposed">Whether the file has matrices (in, out).</param>
/// <param name="Part">Which part of the tensor's outputs.</param>
/// <param name="Parts">Of how many.</param>
internal readonly record struct StoredParameter(string Tensor, bool Transposed = false, int Part = 0, int Parts = 1)
{
    /// <summary>The tensor's shape, given the parameter's.</summary>
    public long[] FileShape(long[] shape) => (Transposed, shape) switch
    {
        (true, [long rows, long columns]) => [columns, rows * Parts],
        (true, [long length]) => [length * Parts],
        _ => shape,
    };

    /// <summary>The parameter's values from the tensor's: w[o, i] = tensor[i, part · rows + o].</summary>
    public T[] FromFile<T>(T[] tensor, long[] shape)
    {
        int rows = (int)shape[0], columns = tensor.Length / rows / Parts, width = rows * Parts;
        var values = new T[rows * columns];
        for (int i = 0; i < columns; i++)
            for (int o = 0; o < rows; o++) values[o * columns + i] = tensor[i * width + Part * rows + o];
        return values;
    }

    /// <summary>The tensor's values from those of its parts.</summary>
    public float[] ToFile(float[][] parts, long[] shape)
    {
        int rows = (int)shape[0], columns = parts[0].Length / rows, width = rows * Parts;
        var tensor = new float[width * columns];
        for (int part = 0; part < Parts; part++)
            for (int i = 0; i < columns; i++)
                for (int o = 0; o < rows; o++) tensor[i * width + part * rows + o] = parts[part][o * columns + i];
        return tensor;
    }
}
