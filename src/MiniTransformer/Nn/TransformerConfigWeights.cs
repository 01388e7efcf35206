using System.Globalization;
using System.Text.RegularExpressions;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn.Families;

namespace MiniTransformer.Nn;

// The parameters that a configuration asks for, and whether a file of weights has them.
public sealed partial record TransformerConfig
{
    /// <summary>The names and shapes of all parameters, from the embedding to the output projection, found by building the model where
    /// nothing is computed or held. Names are Hugging Face's of Llama, whatever the family; matrices are (out, in).</summary>
    public IReadOnlyList<(string Name, long[] Shape)> ParameterShapes()
    {
        using var device = Device.DryRun();
        using var model = new Transformer(this, ParameterSource.Zeros(device));
        return [.. model.Parameters.Select(p => (p.Name, p.Shape.ToArray()))];
    }

    /// <summary>Checks that a file holds exactly the parameters that this configuration asks for, in a type that is read.</summary>
    /// <remarks>Passed over are buffers that follow from the configuration (rotary_emb.inv_freq and GPT-2's masks), and an
    /// lm_head.weight where the embeddings are tied, if it equals them to the bit: a file with another one belongs to another
    /// configuration.</remarks>
    /// <exception cref="TransformerConfigException">A tensor is missing, has another shape, or is not part of the model: the message names
    /// it and the field.</exception>
    /// <exception cref="SafetensorsException">A tensor's elements are of a type that is not read.</exception>
    public void CheckAgainst(ITensorFile weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Validate();
        Family family = Family.Of(Form);
        if (NumLayers > weights.Entries.Count)
        {
            throw new TransformerConfigException(Field("num_hidden_layers"),
                $"{weights.Path}: {Field("num_hidden_layers")} = {NumLayers}, but it holds {weights.Entries.Count} tensors in all.");
        }

        var expected = new Dictionary<string, (string Parameter, long[] Shape, bool Transposed)>(StringComparer.Ordinal);
        foreach ((string parameter, long[] shape) in ParameterShapes())
        {
            StoredParameter at = family.Stored(parameter);
            string name = StoredWeights.Find(weights, family, at.Tensor) ?? throw Missing(weights, family, at.Tensor);
            expected[name] = (parameter, at.FileShape(shape), at.Transposed);
        }

        if (TieEmbeddings) expected.Add("lm_head.weight", ("model.embed_tokens.weight", [VocabSize, HiddenSize], false));
        foreach (TensorEntry entry in weights.Entries.Values)
        {
            if (family.Follows(entry.Name)) continue;
            if (!expected.TryGetValue(entry.Name, out (string Parameter, long[] Shape, bool Transposed) needed))
            {
                throw Unexpected(weights, family, entry);
            }
            if (!entry.Shape.SequenceEqual(needed.Shape))
            {
                throw Misshapen(weights, entry, needed.Parameter, needed.Shape, needed.Transposed);
            }
            if (ElementTypes.Of(entry.Dtype) is null) throw SafetensorsException.NotRead(weights.Path, entry);
        }

        if (TieEmbeddings && weights.Entries.ContainsKey("lm_head.weight")) CheckTied(weights, family);
    }

    private static void CheckTied(ITensorFile weights, Family family)
    {
        string table = StoredWeights.Find(weights, family, family.Stored("model.embed_tokens.weight").Tensor)!;
        float[] a = new float[StoredWeights.Piece], b = new float[StoredWeights.Piece];
        long count = weights.Entries[table].Count;
        for (long first = 0; first < count; first += StoredWeights.Piece)
        {
            int n = (int)Math.Min(StoredWeights.Piece, count - first);
            weights.ReadFloat32(table, first, a.AsSpan(0, n));
            weights.ReadFloat32("lm_head.weight", first, b.AsSpan(0, n));
            for (int i = 0; i < n; i++)
            {
                if (BitConverter.SingleToInt32Bits(a[i]) == BitConverter.SingleToInt32Bits(b[i])) continue;
                throw new TransformerConfigException("tie_word_embeddings",
                    $"{weights.Path}: tie_word_embeddings = true says that the output "
                    + $"projection is the embedding, but 'lm_head.weight' differs from '{table}'"
                    + FormattableString.Invariant(
                        $" at element {first + i}: {b[i]} and {a[i]}. Set it to false to use both, or remove lm_head.weight."));
            }
        }
    }

    private TransformerConfigException Missing(ITensorFile weights, Family family, string name)
    {
        (string? field, string hint) = name switch
        {
            "lm_head.weight" => ("tie_word_embeddings",
                "tie_word_embeddings = false asks for it; if the output projection is the embedding, set it to true."),
            _ when weights.Entries.ContainsKey(name.Replace("model.", "", StringComparison.Ordinal)) =>
                ("architectures",
                    $"its names lack the prefix 'model.': save it as {family.Architecture}, not as the model without its head."),
            _ when LayerOf(name) is { } layer => (Field("num_hidden_layers"),
                $"{Field("num_hidden_layers")} = {NumLayers} asks for layers 0 to {NumLayers - 1}, and this is in layer {layer}."),
            _ => (null, $"are these the weights of a {family.ModelType} model?"),
        };
        return new TransformerConfigException(field, $"{weights.Path}: tensor '{name}' is missing: {hint}");
    }

    private TransformerConfigException Unexpected(ITensorFile weights, Family family, TensorEntry entry)
    {
        (string? field, string hint) = entry.Name switch
        {
            var name when name.EndsWith(".bias", StringComparison.Ordinal) => (
                name.Contains(".mlp.", StringComparison.Ordinal) ? "mlp_bias" : "attention_bias",
                "by the configuration this projection has no bias (attention_bias and mlp_bias, where the family has them)."),
            var name when LayerOf(name) is { } layer && layer >= NumLayers => (
                Field("num_hidden_layers"), $"{Field("num_hidden_layers")} = {NumLayers} asks for layers 0 to {NumLayers - 1} only."),
            _ => ((string?)null, $"a {family.ModelType} model has no such parameter."),
        };
        string shown = SafetensorsException.Printable(entry.Name);
        return new TransformerConfigException(field,
            $"{weights.Path}: tensor '{shown}' {TensorEntry.Show(entry.Shape)} is not part of the model: {hint}");
    }

    private TransformerConfigException Misshapen(ITensorFile weights, TensorEntry entry, string parameter, long[] shape, bool transposed)
    {
        bool ranked = entry.Shape.Length == shape.Length;
        int wrong = ranked ? Enumerable.Range(0, shape.Length).First(i => entry.Shape[i] != shape[i]) : 0;
        string fields = FieldsOf(parameter, transposed && shape.Length == 2 ? 1 - wrong : wrong);
        string because = ranked ? $"{fields}, but the weights have {entry.Shape[wrong]} there" : $"{shape.Length} dimensions are needed";
        return new TransformerConfigException(fields.Split(' ')[0],
            $"{weights.Path}: tensor '{entry.Name}' has shape {TensorEntry.Show(entry.Shape)}; "
            + $"the configuration needs {TensorEntry.Show(shape)}: {because}.");
    }

    // Which fields a dimension of a parameter comes from.
    private string FieldsOf(string parameter, int dimension)
    {
        string[] path = parameter.Split('.');
        bool first = dimension == 0;
        return path[^2] switch
        {
            "embed_tokens" or "lm_head" when first => $"vocab_size = {VocabSize}",
            "embed_positions" when first => $"{Field("max_position_embeddings")} = {MaxPositions}",
            "q_norm" or "k_norm" => $"head_dim = {HeadDim}",
            "q_proj" when first => $"{Field("num_attention_heads")} × head_dim = {NumHeads} × {HeadDim}",
            "o_proj" when !first => $"{Field("num_attention_heads")} × head_dim = {NumHeads} × {HeadDim}",
            "k_proj" or "v_proj" when first => $"num_key_value_heads × head_dim = {NumKeyValueHeads} × {HeadDim}",
            "gate_proj" or "up_proj" when first => $"{Field("intermediate_size")} = {IntermediateSize}",
            "down_proj" when !first => $"{Field("intermediate_size")} = {IntermediateSize}",
            _ => $"{Field("hidden_size")} = {HiddenSize}",
        };
    }

    private static long? LayerOf(string name)
    {
        Match match = LayerNumber().Match(name);
        return match.Success && long.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out long layer)
            ? layer
            : null;
    }

    [GeneratedRegex(@"^(?:model\.layers|transformer\.h|h)\.([0-9]+)\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();
}
