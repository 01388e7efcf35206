using System.Text.RegularExpressions;

namespace MiniTransformer.Nn.Families;

/// <summary>
/// Llama 2, 3, 3.1 and 3.2, SmolLM2, TinyLlama (Hugging Face's LlamaForCausalLM). Absent: num_key_value_heads = num_attention_heads,
/// head_dim = hidden_size / num_attention_heads, max_position_embeddings = 2048, rms_norm_eps = 1e-6, rope_theta = 10000,
/// tie_word_embeddings, attention_bias and mlp_bias = false. attention_bias is one for all four projections.
/// </summary>
internal partial class Llama : Family
{
    /// <inheritdoc/>
    public override string ModelType => "llama";

    /// <inheritdoc/>
    public override string Architecture => "LlamaForCausalLM";

    /// <inheritdoc/>
    public override TransformerConfig Read(ConfigFields fields)
    {
        fields.OneOf("hidden_act", "silu", "swish");
        bool biased = fields.OptionalBool("attention_bias") ?? false;
        RotaryFields rotary = RotaryFields.Read(fields);
        return Sizes(fields) with
        {
            MaxPositions = fields.OptionalInt("max_position_embeddings") ?? 2048,
            RopeTheta = rotary.Theta ?? 10000f,
            Form = TransformerForm.Llama with
            {
                Scaling = rotary.Scaling,
                QkvBias = biased,
                OutputBias = biased,
                MlpBias = fields.OptionalBool("mlp_bias") ?? false,
            },
        };
    }

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        WriteSizes(json, config);
        json.Rotary(config.RopeTheta, config.Form.Scaling);
        json.Bool("attention_bias", config.Form.QkvBias);
        json.Bool("mlp_bias", config.Form.MlpBias);
    }

    // Buffers of old checkpoints.
    /// <inheritdoc/>
    public override bool Follows(string tensor) => RotaryBuffer().IsMatch(tensor);

    /// <summary>The sizes that all families but GPT-2 name alike.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="headDim">head_dim where it is absent; null for hidden_size / num_attention_heads, which a head_dim of null always
    /// means.</param>
    /// <param name="keyValueHeads">num_key_value_heads where it is absent, if it divides num_attention_heads; else, and where it is
    /// null, as many.</param>
    /// <param name="tied">tie_word_embeddings where it is absent.</param>
    protected static TransformerConfig Sizes(ConfigFields fields, int? headDim = null, int? keyValueHeads = null, bool tied = false)
    {
        var config = new TransformerConfig
        {
            VocabSize = fields.Int("vocab_size"),
            HiddenSize = fields.Int("hidden_size"),
            IntermediateSize = fields.Int("intermediate_size"),
            NumLayers = fields.Int("num_hidden_layers"),
            NumHeads = fields.Int("num_attention_heads"),
            MaxPositions = 1,
            RmsNormEps = fields.OptionalFloat("rms_norm_eps") ?? 1e-6f,
            TieEmbeddings = fields.OptionalBool("tie_word_embeddings") ?? tied,
        };
        int? heads = fields.OptionalInt("num_key_value_heads"), width = fields.OptionalInt("head_dim");
        if (!fields.Has("num_key_value_heads") && keyValueHeads is { } usual && config.NumHeads % usual == 0) heads = usual;
        if (!fields.Has("head_dim")) width = headDim;
        if (heads is { } h) config = config with { NumKeyValueHeads = h };
        if (width is { } d) config = config with { HeadDim = d };
        return config;
    }

    /// <summary>Writes what <see cref="Sizes"/> reads, and the activation.</summary>
    protected static void WriteSizes(ConfigWriter json, TransformerConfig config)
    {
        json.Float("attention_dropout", 0);
        json.Int("head_dim", config.HeadDim);
        json.Text("hidden_act", "silu");
        json.Int("hidden_size", config.HiddenSize);
        json.Int("intermediate_size", config.IntermediateSize);
        json.Int("max_position_embeddings", config.MaxPositions);
        json.Int("num_attention_heads", config.NumHeads);
        json.Int("num_hidden_layers", config.NumLayers);
        json.Int("num_key_value_heads", config.NumKeyValueHeads);
        json.Float("rms_norm_eps", config.RmsNormEps);
        json.Bool("tie_word_embeddings", config.TieEmbeddings);
        json.Int("vocab_size", config.VocabSize);
    }

    [GeneratedRegex(@"^model\.(layers\.[0-9]+\.self_attn\.)?rotary_emb\.(inv_freq|cos_cached|sin_cached)\z", RegexOptions.CultureInvariant)]
    private static partial Regex RotaryBuffer();
}
