using System.Text.Json;

namespace MiniTransformer.Nn.Families;

/// <summary>
/// Gemma 3, text (Gemma3ForCausalLM, model_type gemma3_text): RMSNorm with 1 + w before and after attention and perceptron; queries
/// and keys normalised;
/// embeddings times √hidden_size; scores divided by √query_pre_attn_scalar; GELU gates (tanh). Of every sliding_window_pattern layers
/// all but the last have the sliding_window and turn with rope_local_base_freq, or those that layer_types names; the others turn with
/// rope_theta, stretched by rope_scaling. transformers 5 has both in rope_parameters, by the names of the layers' types. Absent:
/// num_key_value_heads = 4,
/// head_dim = 256,
/// query_pre_attn_scalar = 256, sliding_window = 4096, sliding_window_pattern = 6, rope_theta = 1e6, rope_local_base_freq = 10000,
/// rms_norm_eps = 1e-6, max_position_embeddings = 131072, tie_word_embeddings = true, attention_bias = false.
/// </summary>
internal sealed class Gemma3 : Llama
{
    private const string Local = "sliding_attention", Wide = "full_attention";

    /// <inheritdoc/>
    public override string ModelType => "gemma3_text";

    /// <inheritdoc/>
    public override string Architecture => "Gemma3ForCausalLM";

    /// <inheritdoc/>
    public override TransformerConfig Read(ConfigFields fields)
    {
        fields.OneOf("hidden_activation", "gelu_pytorch_tanh");
        fields.OneOf("hidden_act", "gelu_pytorch_tanh");
        bool biased = fields.OptionalBool("attention_bias") ?? false;
        TransformerConfig sizes = Sizes(fields, headDim: 256, keyValueHeads: 4, tied: true);
        (RotaryFields wide, float? local) = Rotary(fields);
        int? window = fields.Has("sliding_window") ? fields.OptionalInt("sliding_window") : 4096;
        int pattern = fields.OptionalInt("sliding_window_pattern") ?? fields.OptionalInt("_sliding_window_pattern") ?? 6;
        if (pattern < 1)
        {
            throw new TransformerConfigException("sliding_window_pattern", $"sliding_window_pattern = {pattern} must be at least 1.");
        }
        IEnumerable<bool> slides = fields.SlidingLayers(sizes.NumLayers)
            ?? Enumerable.Range(0, sizes.NumLayers).Select(i => (i + 1) % pattern != 0);
        if (window is null && slides.Contains(true))
            throw new TransformerConfigException("sliding_window", "sliding_window is null, but some layers have a window.");
        return sizes with
        {
            MaxPositions = fields.OptionalInt("max_position_embeddings") ?? 131072,
            RopeTheta = wide.Theta ?? 1e6f,
            Form = new TransformerForm
            {
                ModelType = ModelType,
                Norm = NormKind.RmsOnePlus,
                NormsAfter = true,
                QueryKeyNorm = true,
                Scaling = wide.Scaling,
                Windows = ConfigFields.Windows(window, slides),
                LocalTheta = local ?? 10000f,
                QkvBias = biased,
                OutputBias = biased,
                Mlp = MlpKind.GeGlu,
                ScaledEmbedding = true,
                QueryScalar = fields.OptionalFloat("query_pre_attn_scalar") ?? 256,
            },
        };
    }

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        TransformerForm form = config.Form;
        WriteSizes(json, config);
        json.Rotary(config.RopeTheta, form.Scaling, parameters: false); // transformers 5 reads this form of Gemma 3 too
        json.Remove("hidden_act");
        json.Text("hidden_activation", "gelu_pytorch_tanh");
        json.Bool("attention_bias", form.QkvBias);
        json.Float("query_pre_attn_scalar", form.QueryScalar ?? config.HeadDim);
        json.Float("rope_local_base_freq", form.LocalTheta ?? 10000f);
        json.Windows(config);
    }

    private static (RotaryFields Wide, float? Local) Rotary(ConfigFields fields)
    {
        float? local = fields.OptionalFloat("rope_local_base_freq");
        if (fields.Find("rope_parameters") is not { ValueKind: JsonValueKind.Object } nested
            || !nested.TryGetProperty(Wide, out JsonElement full))
            return (RotaryFields.Read(fields), local);
        foreach (JsonProperty property in nested.EnumerateObject())
        {
            if (property.Name is not (Local or Wide))
                throw ConfigFields.Refused($"rope_parameters.{property.Name}", property.Value, $"there are {Local} and {Wide}");
        }

        RotaryFields wide = RotaryFields.OfObject($"rope_parameters.{Wide}", full);
        if (nested.TryGetProperty(Local, out JsonElement sliding))
        {
            RotaryFields near = RotaryFields.OfObject($"rope_parameters.{Local}", sliding);
            if (near.Scaling is not null)
                throw ConfigFields.Refused($"rope_parameters.{Local}", sliding, "frequencies of layers with a window are not stretched");
            local = near.Theta ?? local;
        }

        return (wide with { Theta = wide.Theta ?? fields.OptionalFloat("rope_theta") }, local);
    }
}
