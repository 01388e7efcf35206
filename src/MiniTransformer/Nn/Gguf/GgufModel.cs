using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Nn.Gguf;

/// <summary>
/// A model as one GGUF file, which llama.cpp and what is built on it (Ollama, LM Studio, LLamaSharp) load: the sizes under the keys of its
/// architecture there, the weights (<see cref="GgufTensors"/>), the tokenizer and the chat template (<see cref="GgufVocabulary"/>).
/// </summary>
public static class GgufModel
{
    /// <summary>Writes the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer; null for a model of ids alone.</param>
    /// <param name="type">The type of matrices; null for the one that each came in. Vectors are float32.</param>
    /// <exception cref="NotSupportedException">llama.cpp has no such model, or no such tokenizer; the message says what.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Transformer model, ITokenizer? tokenizer, ElementType? type = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        string architecture = Architecture(model.Config);
        TransformerConfig config = model.Config;
        if (architecture == "qwen2" && config.NumHeads * config.HeadDim != config.HiddenSize)
            throw new NotSupportedException($"head_dim = {config.HeadDim}: llama.cpp's qwen2 has heads of hidden_size / "
                + "num_attention_heads alone.");
        TensorData[] tensors = [.. GgufTensors.Of(model, type)];
        ElementType most = tensors.Where(tensor => tensor.Shape.Length == 2).GroupBy(tensor => tensor.Type)
            .MaxBy(group => group.Count())!.Key;
        List<(string, object)> fields =
        [
            ("general.architecture", architecture), ("general.type", "model"),
            ("general.file_type", most switch { ElementType.F16 => 1u, ElementType.BF16 => 32u, _ => 0u }),
            .. Sizes(config, architecture), .. GgufVocabulary.Of(tokenizer, config),
        ];
        GgufWriter.Write(path, fields, tensors);
    }

    private static string Architecture(TransformerConfig config) => config.Form.ModelType switch
    {
        "llama" or "mistral" => "llama",
        "qwen2" => "qwen2",
        "qwen3" => "qwen3",
        "gemma3_text" => "gemma3",
        "gpt2" => "gpt2",
        _ => throw new NotSupportedException($"GGUF of a {config.Form.ModelType} model is not implemented."),
    };

    private static IEnumerable<(string, object)> Sizes(TransformerConfig config, string architecture)
    {
        TransformerForm form = config.Form;
        yield return Key("vocab_size", (uint)config.VocabSize);
        yield return Key("context_length", (uint)Context(config, architecture));
        yield return Key("embedding_length", (uint)config.HiddenSize);
        yield return Key("block_count", (uint)config.NumLayers);
        yield return Key("feed_forward_length", (uint)config.IntermediateSize);
        yield return Key("attention.head_count", (uint)config.NumHeads);
        yield return Key("attention.head_count_kv", (uint)config.NumKeyValueHeads);
        yield return Key("attention.key_length", (uint)config.HeadDim);
        yield return Key("attention.value_length", (uint)config.HeadDim);
        yield return Key(form.Norm == NormKind.Layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
            config.RmsNormEps);
        if (form.LearnedPositions) yield break;
        yield return Key("rope.dimension_count", (uint)config.HeadDim);
        yield return Key("rope.freq_base", config.RopeTheta);
        if (form.Scaling is LinearScaling linear)
        {
            yield return Key("rope.scaling.type", "linear");
            yield return Key("rope.scaling.factor", linear.Factor);
        }

        if (architecture == "gemma3")
        {
            yield return Key("attention.sliding_window", (uint)Window(config));
            yield return Key("attention.sliding_window_pattern", (uint)Pattern(config));
            yield return Key("rope.freq_base_swa", form.LocalTheta ?? config.RopeTheta);
        }

        (string, object) Key(string name, object value) => ($"{architecture}.{name}", value);
    }

    // llama.cpp knows windows of Gemma's layers alone. Of another family they make no difference up to the smallest, and that is the
    // context.
    private static int Context(TransformerConfig config, string architecture)
    {
        if (config.Form.Windows is not { } windows || architecture == "gemma3") return config.MaxPositions;
        return Enumerable.Range(0, windows.Count).Select(layer => windows[layer]).Where(window => window > 0).Append(config.MaxPositions)
            .Min();
    }

    private static int Window(TransformerConfig config) =>
        config.Form.Windows is { } windows ? Enumerable.Range(0, windows.Count).Max(layer => windows[layer]) : config.MaxPositions;

    // In llama.cpp every p-th layer sees the whole context.
    private static int Pattern(TransformerConfig config)
    {
        if (config.Form.Windows is not { } windows) return 1;
        for (int p = 1; p <= windows.Count + 1; p++)
        {
            if (Enumerable.Range(0, windows.Count).All(layer => windows[layer] == 0 == ((layer + 1) % p == 0))) return p;
        }

        throw new NotSupportedException("layer_types: llama.cpp has windows in all layers but every p-th, and these are others.");
    }
}
