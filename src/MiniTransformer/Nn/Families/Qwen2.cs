namespace MiniTransformer.Nn.Families;

/// <summary>
/// Qwen2 and Qwen2.5 (Qwen2ForCausalLM): Llama with biases on queries, keys and values, which no field mentions. With
/// use_sliding_window the layers from max_window_layers on have the sliding_window, or those that layer_types names; without it the two
/// numbers mean nothing. Absent:
/// use_sliding_window =
/// false, sliding_window = 4096, max_window_layers = 28, num_key_value_heads = 32, max_position_embeddings = 32768, the others as Llama's.
/// </summary>
internal class Qwen2 : Llama
{
    /// <inheritdoc/>
    public override string ModelType => "qwen2";

    /// <inheritdoc/>
    public override string Architecture => "Qwen2ForCausalLM";

    /// <summary>The head's width where head_dim is absent; null for hidden_size / num_attention_heads.</summary>
    protected virtual int? AbsentHeadDim => null;

    /// <inheritdoc/>
    public override TransformerConfig Read(ConfigFields fields)
    {
        fields.OneOf("hidden_act", "silu", "swish");
        RotaryFields rotary = RotaryFields.Read(fields);
        TransformerConfig sizes = Sizes(fields, AbsentHeadDim, keyValueHeads: 32);
        bool slides = fields.OptionalBool("use_sliding_window") ?? false;
        int? window = fields.Has("sliding_window") ? fields.OptionalInt("sliding_window") : 4096;
        int from = fields.OptionalInt("max_window_layers") ?? 28;
        bool[]? named = fields.SlidingLayers(sizes.NumLayers);
        if (!slides && named is not null && named.Contains(true))
            throw ConfigFields.Refused("layer_types", fields.Find("layer_types")!.Value,
                "without use_sliding_window no layer has a window");
        return sizes with
        {
            MaxPositions = fields.OptionalInt("max_position_embeddings") ?? 32768,
            RopeTheta = rotary.Theta ?? 10000f,
            Form = Biases(fields, new TransformerForm
            {
                ModelType = ModelType,
                Scaling = rotary.Scaling,
                Windows = slides
                    ? ConfigFields.Windows(window, named ?? Enumerable.Range(0, sizes.NumLayers).Select(i => i >= from))
                    : null,
            }),
        };
    }

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        WriteSizes(json, config);
        json.Rotary(config.RopeTheta, config.Form.Scaling);
        json.Windows(config);
        json.Bool("use_sliding_window", config.Form.Windows is not null);
        json.Int("max_window_layers", Enumerable.Range(0, config.NumLayers).TakeWhile(i => config.Form.Windows is not { } w || w[i] == 0)
            .Count());
    }

    /// <summary>The form with the family's biases and head norms. A false attention_bias means nothing in Qwen2, as no field takes the
    /// biases away.</summary>
    protected virtual TransformerForm Biases(ConfigFields fields, TransformerForm form)
    {
        fields.OptionalBool("attention_bias");
        return form with { QkvBias = true };
    }
}
