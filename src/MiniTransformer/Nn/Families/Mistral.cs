namespace MiniTransformer.Nn.Families;

/// <summary>
/// Mistral 7B and its kin (MistralForCausalLM): Llama without biases; sliding_window is a window in every layer, null none. Absent:
/// sliding_window = 4096,
/// num_key_value_heads = 8, max_position_embeddings = 131072, the others as Llama's.
/// </summary>
internal sealed class Mistral : Llama
{
    /// <inheritdoc/>
    public override string ModelType => "mistral";

    /// <inheritdoc/>
    public override string Architecture => "MistralForCausalLM";

    /// <inheritdoc/>
    public override TransformerConfig Read(ConfigFields fields)
    {
        fields.OneOf("hidden_act", "silu", "swish");
        RotaryFields rotary = RotaryFields.Read(fields);
        TransformerConfig sizes = Sizes(fields, keyValueHeads: 8);
        int? window = fields.Has("sliding_window") ? fields.OptionalInt("sliding_window") : 4096;
        if (fields.SlidingLayers(sizes.NumLayers) is { } layers && !Array.TrueForAll(layers, slides => slides == window is not null))
        {
            throw ConfigFields.Refused("layer_types", fields.Find("layer_types")!.Value,
                "every layer of this family "
                    + $"{(window is null ? "sees the whole context without a sliding_window" : "has the sliding_window")}");
        }

        return sizes with
        {
            MaxPositions = fields.OptionalInt("max_position_embeddings") ?? 131072,
            RopeTheta = rotary.Theta ?? 10000f,
            Form = new TransformerForm
            {
                ModelType = ModelType,
                Scaling = rotary.Scaling,
                Windows = ConfigFields.Windows(window, Enumerable.Repeat(true, sizes.NumLayers)),
            },
        };
    }

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        WriteSizes(json, config);
        json.Rotary(config.RopeTheta, config.Form.Scaling);
        json.OptionalInt("sliding_window", config.Form.Windows?[0]);
    }
}
