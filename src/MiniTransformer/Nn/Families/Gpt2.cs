using System.Text.RegularExpressions;

namespace MiniTransformer.Nn.Families;

/// <summary>
/// GPT-2 (GPT2LMHeadModel): layer norms, learned positions, biases everywhere, GELU (tanh), the head tied. Files have matrices (in,
/// out), queries, keys and values in one (c_attn), and names with or without the prefix "transformer."; they are written with it. Absent:
/// n_inner = 4 n_embd,
/// n_positions = 1024,
/// layer_norm_epsilon = 1e-5, activation_function = gelu_new, tie_word_embeddings = true. Dropout (resid_pdrop, embd_pdrop,
/// attn_pdrop) belongs to a training that is over: there is none here.
/// </summary>
internal sealed partial class Gpt2 : Family
{
    private const string Prefix = "transformer.";

    /// <inheritdoc/>
    public override string ModelType => "gpt2";

    /// <inheritdoc/>
    public override string Architecture => "GPT2LMHeadModel";

    /// <inheritdoc/>
    public override TransformerConfig Read(ConfigFields fields)
    {
        fields.OneOf("activation_function", "gelu_new", "gelu_pytorch_tanh", "gelu_fast");
        if (fields.OptionalBool("scale_attn_weights") == false)
            throw new TransformerConfigException("scale_attn_weights",
                "scale_attn_weights = false is not implemented; scores are divided by √head_dim.");
        if (fields.OptionalBool("scale_attn_by_inverse_layer_idx") == true)
        {
            throw new TransformerConfigException(
                "scale_attn_by_inverse_layer_idx",
                "scale_attn_by_inverse_layer_idx = true is not implemented; every layer's scores have one scale.");
        }

        int hidden = Size("n_embd", "hidden_size");
        return new TransformerConfig
        {
            VocabSize = fields.Int("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = fields.OptionalInt("n_inner") ?? checked(4 * hidden),
            NumLayers = Size("n_layer", "num_hidden_layers"),
            NumHeads = Size("n_head", "num_attention_heads"),
            MaxPositions = fields.OptionalInt("n_positions") ?? fields.OptionalInt("max_position_embeddings") ?? 1024,
            RmsNormEps = fields.OptionalFloat("layer_norm_epsilon") ?? 1e-5f,
            TieEmbeddings = fields.OptionalBool("tie_word_embeddings") ?? true,
            Form = new TransformerForm
            {
                ModelType = ModelType,
                Norm = NormKind.Layer,
                LearnedPositions = true,
                QkvBias = true,
                OutputBias = true,
                MlpBias = true,
                Mlp = MlpKind.Gelu,
            },
        };

        // Hugging Face's class reads either name.
        int Size(string field, string other) => fields.OptionalInt(field) ?? fields.OptionalInt(other) ?? fields.Int(field);
    }

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        json.Text("activation_function", "gelu_new");
        json.Float("layer_norm_epsilon", config.RmsNormEps);
        json.Int("n_embd", config.HiddenSize);
        json.Int("n_head", config.NumHeads);
        json.Int("n_inner", config.IntermediateSize);
        json.Int("n_layer", config.NumLayers);
        json.Int("n_positions", config.MaxPositions);
        json.Bool("tie_word_embeddings", config.TieEmbeddings);
        json.Int("vocab_size", config.VocabSize);
    }

    /// <inheritdoc/>
    public override StoredParameter Stored(string parameter)
    {
        if (LayerParameter().Match(parameter) is not { Success: true } match)
        {
            return new(parameter switch
            {
                "model.embed_tokens.weight" => Prefix + "wte.weight",
                "model.embed_positions.weight" => Prefix + "wpe.weight",
                _ => parameter.Replace("model.norm.", Prefix + "ln_f.", StringComparison.Ordinal),
            });
        }

        string layer = $"{Prefix}h.{match.Groups[1].Value}.", kind = match.Groups[3].Value;
        return match.Groups[2].Value switch
        {
            "input_layernorm" => new($"{layer}ln_1.{kind}"),
            "post_attention_layernorm" => new($"{layer}ln_2.{kind}"),
            "self_attn.q_proj" => new($"{layer}attn.c_attn.{kind}", Transposed: true, Part: 0, Parts: 3),
            "self_attn.k_proj" => new($"{layer}attn.c_attn.{kind}", Transposed: true, Part: 1, Parts: 3),
            "self_attn.v_proj" => new($"{layer}attn.c_attn.{kind}", Transposed: true, Part: 2, Parts: 3),
            "self_attn.o_proj" => new($"{layer}attn.c_proj.{kind}", Transposed: true),
            "mlp.up_proj" => new($"{layer}mlp.c_fc.{kind}", Transposed: true),
            _ => new($"{layer}mlp.c_proj.{kind}", Transposed: true),
        };
    }

    /// <inheritdoc/>
    public override string? OtherName(string tensor) =>
        tensor.StartsWith(Prefix, StringComparison.Ordinal) ? tensor[Prefix.Length..] : null;

    /// <inheritdoc/>
    public override string FieldName(string field) => field switch
    {
        "hidden_size" => "n_embd",
        "intermediate_size" => "n_inner",
        "num_hidden_layers" => "n_layer",
        "num_attention_heads" => "n_head",
        "max_position_embeddings" => "n_positions",
        "rms_norm_eps" => "layer_norm_epsilon",
        _ => field,
    };

    // The causal mask that old files hold as a buffer.
    /// <inheritdoc/>
    public override bool Follows(string tensor) => MaskBuffer().IsMatch(tensor);

    [GeneratedRegex(@"^model\.layers\.([0-9]+)\.(.+)\.(weight|bias)\z", RegexOptions.CultureInvariant)]
    private static partial Regex LayerParameter();

    [GeneratedRegex(@"^(transformer\.)?h\.[0-9]+\.attn\.(bias|masked_bias)\z", RegexOptions.CultureInvariant)]
    private static partial Regex MaskBuffer();
}
