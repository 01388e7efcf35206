using System.Globalization;
using System.Text.RegularExpressions;
using MiniTransformer.IO;

namespace MiniTransformer.Nn;

// The parameters that a configuration asks for, and whether a file of weights has them.
public sealed partial record TransformerConfig
{
    private readonly record struct Dimension(long Size, string Fields);

    /// <summary>The names (Hugging Face's) and shapes of all parameters, from the embedding to the output projection. Matrices are (out,
    /// in).</summary>
    public IEnumerable<(string Name, long[] Shape)> ParameterShapes() =>
        Parameters().Select(p => (p.Name, p.Shape.Select(d => d.Size).ToArray()));

    /// <summary>Checks that a file holds exactly the parameters that this configuration asks for, all float32.</summary>
    /// <remarks>Passed over are the rotary_emb.inv_freq of old checkpoints, which follow from rope_theta, and an lm_head.weight of the
    /// right shape where the embeddings are tied.</remarks>
    /// <exception cref="TransformerConfigException">A tensor is missing, has another shape, or is not part of the model: the message names
    /// it and the field.</exception>
    /// <exception cref="SafetensorsException">A tensor is not float32.</exception>
    public void CheckAgainst(SafetensorsReader weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Validate();
        var expected = new Dictionary<string, Dimension[]>(StringComparer.Ordinal);
        foreach ((string name, Dimension[] shape) in Parameters())
        {
            if (!weights.Contains(name)) throw Missing(weights, name);
            expected.Add(name, shape);
        }

        if (TieEmbeddings) expected.Add("lm_head.weight", expected["model.embed_tokens.weight"]);
        foreach (TensorEntry entry in weights.Entries.Values)
        {
            if (RotaryBuffer().IsMatch(entry.Name)) continue;
            if (!expected.TryGetValue(entry.Name, out Dimension[]? shape)) throw Unexpected(weights, entry);
            if (!entry.Shape.SequenceEqual(shape.Select(d => d.Size))) throw Misshapen(weights, entry, shape);
            if (entry.Dtype != "F32")
            {
                throw new SafetensorsException(weights.Path, entry.Name, $"its elements are {entry.Dtype}, but float32 (F32) is needed; "
                    + "convert the file first, for example in Python: model.float().save_pretrained(folder)");
            }
        }
    }

    private IEnumerable<(string Name, Dimension[] Shape)> Parameters()
    {
        Dimension vocabulary = new(VocabSize, $"vocab_size = {VocabSize}");
        Dimension hidden = new(HiddenSize, $"hidden_size = {HiddenSize}");
        Dimension inner = new(IntermediateSize, $"intermediate_size = {IntermediateSize}");
        Dimension queries = new((long)NumHeads * HeadDim, $"num_attention_heads × head_dim = {NumHeads} × {HeadDim}");
        Dimension keys = new((long)NumKeyValueHeads * HeadDim, $"num_key_value_heads × head_dim = {NumKeyValueHeads} × {HeadDim}");
        yield return ("model.embed_tokens.weight", [vocabulary, hidden]);
        for (int layer = 0; layer < NumLayers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            yield return (prefix + "input_layernorm.weight", [hidden]);
            yield return (prefix + "self_attn.q_proj.weight", [queries, hidden]);
            yield return (prefix + "self_attn.k_proj.weight", [keys, hidden]);
            yield return (prefix + "self_attn.v_proj.weight", [keys, hidden]);
            yield return (prefix + "self_attn.o_proj.weight", [hidden, queries]);
            yield return (prefix + "post_attention_layernorm.weight", [hidden]);
            yield return (prefix + "mlp.gate_proj.weight", [inner, hidden]);
            yield return (prefix + "mlp.up_proj.weight", [inner, hidden]);
            yield return (prefix + "mlp.down_proj.weight", [hidden, inner]);
        }

        yield return ("model.norm.weight", [hidden]);
        if (!TieEmbeddings) yield return ("lm_head.weight", [vocabulary, hidden]);
    }

    private TransformerConfigException Missing(SafetensorsReader weights, string name)
    {
        (string? field, string hint) = name switch
        {
            "lm_head.weight" => ("tie_word_embeddings",
                "tie_word_embeddings = false asks for it; if the output projection is the embedding, set it to true."),
            _ when weights.Contains(name.Replace("model.", "", StringComparison.Ordinal)) =>
                ("architectures", "its names lack the prefix 'model.': save it as LlamaForCausalLM, not as LlamaModel."),
            _ when LayerOf(name) is { } layer => ("num_hidden_layers",
                $"num_hidden_layers = {NumLayers} asks for layers 0 to {NumLayers - 1}, and this is in layer {layer}."),
            _ => (null, "are these the weights of a Llama model?"),
        };
        return new TransformerConfigException(field, $"{weights.Path}: tensor '{name}' is missing: {hint}");
    }

    private TransformerConfigException Unexpected(SafetensorsReader weights, TensorEntry entry)
    {
        (string? field, string hint) = entry.Name switch
        {
            var name when name.EndsWith(".bias", StringComparison.Ordinal) => (
                name.Contains(".mlp.", StringComparison.Ordinal) ? "mlp_bias" : "attention_bias",
                "the projections of this model have no bias (attention_bias and mlp_bias are false)."),
            var name when LayerOf(name) is { } layer && layer >= NumLayers =>
                ("num_hidden_layers", $"num_hidden_layers = {NumLayers} asks for layers 0 to {NumLayers - 1} only."),
            _ => ((string?)null, "a Llama model has no such parameter."),
        };
        string shown = SafetensorsException.Printable(entry.Name);
        return new TransformerConfigException(field,
            $"{weights.Path}: tensor '{shown}' {TensorEntry.Show(entry.Shape)} is not part of the model: {hint}");
    }

    private static TransformerConfigException Misshapen(SafetensorsReader weights, TensorEntry entry, Dimension[] needed)
    {
        long[] shape = [.. needed.Select(d => d.Size)];
        int wrong = entry.Shape.Length == needed.Length ? Enumerable.Range(0, needed.Length).First(i => entry.Shape[i] != shape[i]) : 0;
        string fields = needed[wrong].Fields;
        string because = entry.Shape.Length == needed.Length
            ? $"{fields}, but the weights have {entry.Shape[wrong]} there"
            : $"{needed.Length} dimensions are needed";
        return new TransformerConfigException(fields.Split(' ')[0],
            $"{weights.Path}: tensor '{entry.Name}' has shape {TensorEntry.Show(entry.Shape)}; "
            + $"the configuration needs {TensorEntry.Show(shape)}: {because}.");
    }

    private static long? LayerOf(string name)
    {
        Match match = LayerNumber().Match(name);
        return match.Success && long.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out long layer)
            ? layer
            : null;
    }

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();

    [GeneratedRegex(@"^model\.(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq\z", RegexOptions.CultureInvariant)]
    private static partial Regex RotaryBuffer();
}
