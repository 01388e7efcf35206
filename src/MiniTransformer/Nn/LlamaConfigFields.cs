using System.Text.Json;

namespace MiniTransformer.Nn;

/// <summary>The fields of a config.json, read with their types checked, and the list of those whose values decide whether the model can be
/// run here.</summary>
internal readonly struct LlamaConfigFields
{
    // Each row: a field that would change what the model computes, the values that leave it as implemented (absent and null always do), and
    // what those are.
    private static readonly (string Field, Func<JsonElement, bool> Accepts, string Implemented)[] Implemented =
    [
        ("model_type", v => IsText(v, "llama"), "only \"llama\" is implemented"),
        ("architectures", v => v.ValueKind == JsonValueKind.Array && v.EnumerateArray().Any(a => IsText(a, "LlamaForCausalLM")),
            "only [\"LlamaForCausalLM\"] is implemented"),
        ("hidden_act", v => IsText(v, "silu"), "only \"silu\" is implemented"),
        ("attention_bias", IsFalse, "projections have no bias here"),
        ("mlp_bias", IsFalse, "projections have no bias here"),
        ("attention_dropout", v => IsNumber(v, 0), "there is no dropout here"),
        ("hidden_dropout", v => IsNumber(v, 0), "there is no dropout here"),
        ("pretraining_tp", v => IsNumber(v, 0) || IsNumber(v, 1), "only 1 is implemented"),
        ("partial_rotary_factor", v => IsNumber(v, 1), "only 1 is implemented"),
        ("sliding_window", _ => false, "attention sees the whole context here"),
        ("attention_chunk_size", _ => false, "attention sees the whole context here"),
        ("layer_types", v => v.ValueKind == JsonValueKind.Array && v.EnumerateArray().All(t => IsText(t, "full_attention")),
            "only \"full_attention\" is implemented"),
        ("no_rope_layers", IsEmpty, "every layer has rotary positions here"),
        ("use_qk_norm", IsFalse, "queries and keys are not normalised here"),
        ("qk_layernorm", IsFalse, "queries and keys are not normalised here"),
        ("attn_logit_softcapping", _ => false, "logits are not capped here"),
        ("final_logit_softcapping", _ => false, "logits are not capped here"),
        ("logit_scale", v => IsNumber(v, 1), "logits are not scaled here"),
        ("logits_scaling", v => IsNumber(v, 1), "logits are not scaled here"),
        ("embedding_multiplier", v => IsNumber(v, 1), "embeddings are not scaled here"),
        ("residual_multiplier", v => IsNumber(v, 1), "residuals are not scaled here"),
        ("num_local_experts", v => IsNumber(v, 0), "there are no experts here"),
        ("num_experts", v => IsNumber(v, 0), "there are no experts here"),
        ("is_encoder_decoder", IsFalse, "only a decoder is implemented"),
        ("add_cross_attention", IsFalse, "only a decoder is implemented"),
        ("is_causal", v => v.ValueKind == JsonValueKind.True, "attention is causal here"),
        ("use_bidirectional_attention", IsFalse, "attention is causal here"),
        ("pruned_heads", IsEmpty, "heads cannot be pruned here"),
        ("quantization_config", IsEmpty, "weights are float32 here; save the model unquantized"),
        ("auto_map", IsEmpty, "the model's own code cannot be run here"),
    ];

    private readonly JsonElement root;

    /// <summary>The fields of a JSON object.</summary>
    public LlamaConfigFields(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new TransformerConfigException(null, $"a JSON object is needed; this is {Show(root)}.");
        this.root = root;
    }

    /// <summary>Refuses the first field whose value asks for something that is not implemented.</summary>
    public void RefuseWhatIsNotImplemented()
    {
        if (Find("model_type") is null && Find("architectures") is null)
            throw new TransformerConfigException("model_type", "model_type is missing; a Llama model has \"model_type\": \"llama\".");
        foreach ((string field, Func<JsonElement, bool> accepts, string implemented) in Implemented)
        {
            if (Find(field) is { } value && !accepts(value))
                throw new TransformerConfigException(field, $"{field} = {Show(value)} is not implemented; {implemented}.");
        }
    }

    /// <summary>A whole number that must be there.</summary>
    public int Int(string field) => OptionalInt(field) ?? throw new TransformerConfigException(field,
        $"{field} is missing; it has no default.");

    /// <summary>A whole number, or null if it is absent or null.</summary>
    public int? OptionalInt(string field)
    {
        if (Find(field) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw new TransformerConfigException(field, $"{field} = {Show(value)} must be a whole number below 2³¹.");
    }

    /// <summary>A number, or null if it is absent or null.</summary>
    public float? OptionalFloat(string field) => Find(field) is { } value ? Float(field, value) : null;

    /// <summary>True, false, or null if it is absent or null.</summary>
    public bool? OptionalBool(string field)
    {
        if (Find(field) is not { } value) return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw new TransformerConfigException(field, $"{field} = {Show(value)} must be true or false.");
    }

    /// <summary>θ from rope_theta, rope_parameters or rope_scaling, which must agree; null if none has it. Any but the plain rotary form is
    /// refused.</summary>
    public float? RopeTheta()
    {
        (string Field, float Value)? found = Find("rope_theta") is { } top ? ("rope_theta", Float("rope_theta", top)) : null;
        foreach (string field in (string[])["rope_parameters", "rope_scaling"])
        {
            if (Find(field) is not { } nested) continue;
            if (nested.ValueKind != JsonValueKind.Object)
                throw new TransformerConfigException(field, $"{field} = {Show(nested)} must be an object or null.");
            // The type first: it says more than the parameters that go with it.
            foreach (JsonProperty property in nested.EnumerateObject().OrderBy(p => p.Name is "rope_type" or "type" ? 0 : 1))
            {
                string path = $"{field}.{property.Name}";
                bool plain = property.Name switch
                {
                    "rope_type" or "type" => IsText(property.Value, "default"),
                    "partial_rotary_factor" => IsNumber(property.Value, 1),
                    "rope_theta" => true,
                    _ => property.Value.ValueKind == JsonValueKind.Null,
                };
                if (!plain)
                {
                    throw new TransformerConfigException(path,
                        $"{path} = {Show(property.Value)} is not implemented; "
                        + "only plain rotary positions are (rope_type \"default\" with a rope_theta).");
                }

                if (property.Name != "rope_theta" || property.Value.ValueKind == JsonValueKind.Null) continue;
                float value = Float(path, property.Value);
                if (found is { } other && other.Value != value)
                {
                    throw new TransformerConfigException(path,
                        FormattableString.Invariant($"{path} = {value} contradicts {other.Field} = {other.Value}; ")
                        + "remove the one that the model was not trained with.");
                }

                found = (path, value);
            }
        }

        return found?.Value;
    }

    private JsonElement? Find(string field) =>
        root.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static float Float(string field, JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? (float)value.GetDouble()
        : throw new TransformerConfigException(field, $"{field} = {Show(value)} must be a number.");

    private static bool IsText(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    private static bool IsNumber(JsonElement value, double number) =>
        value.ValueKind == JsonValueKind.Number && value.GetDouble() == number;

    private static bool IsFalse(JsonElement value) => value.ValueKind == JsonValueKind.False;

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    internal static string Show(JsonElement value)
    {
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 100 ? text : string.Concat(text.AsSpan(0, 100), "…");
    }
}
