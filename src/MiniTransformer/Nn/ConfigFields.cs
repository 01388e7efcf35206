using System.Text.Json;

namespace MiniTransformer.Nn;

/// <summary>
/// The fields of a config.json, read with their types checked. A field that its family reads means what the family says; of all others
/// <see cref="RefuseWhatIsNotImplemented"/> knows those that would change what a model computes.
/// </summary>
internal sealed class ConfigFields
{
    // Each row: a field that would change what the model computes, the values that leave it as implemented (absent and null always
    // do), and what those are.
    private static readonly (string Field, Func<JsonElement, bool> Accepts, string Implemented)[] Implemented =
    [
        ("hidden_act", v => IsText(v, "silu"), "this family has \"silu\" alone"),
        ("attention_bias", IsFalse, "projections have no bias in this family"),
        ("qkv_bias", IsFalse, "projections have no bias in this family"),
        ("mlp_bias", IsFalse, "projections have no bias in this family"),
        ("attention_dropout", v => IsNumber(v, 0), "there is no dropout here"),
        ("hidden_dropout", v => IsNumber(v, 0), "there is no dropout here"),
        ("pretraining_tp", v => IsNumber(v, 0) || IsNumber(v, 1), "only 1 is implemented"),
        ("partial_rotary_factor", v => IsNumber(v, 1), "only 1 is implemented"),
        ("rotary_pct", v => IsNumber(v, 1), "only 1 is implemented"),
        ("rope_interleaved", IsFalse, "rotations pair component i with i + D/2 here"),
        ("rope_scaling", _ => false, "this family has no rotary positions"),
        ("rope_parameters", _ => false, "this family has no rotary positions"),
        ("sliding_window", _ => false, "attention sees the whole context in this family"),
        ("use_sliding_window", IsFalse, "attention sees the whole context in this family"),
        ("sliding_window_pattern", _ => false, "attention sees the whole context in this family"),
        ("attention_chunk_size", _ => false, "attention is not cut into chunks here"),
        ("layer_types", v => v.ValueKind == JsonValueKind.Array && v.EnumerateArray().All(t => IsText(t, "full_attention")),
            "only \"full_attention\" is implemented in this family"),
        ("no_rope_layers", IsEmpty, "every layer has rotary positions here"),
        ("use_mrope", IsFalse, "positions have one dimension here"),
        ("use_qk_norm", IsFalse, "queries and keys are not normalised in this family"),
        ("qk_layernorm", IsFalse, "queries and keys are not normalised in this family"),
        ("attn_logit_softcapping", _ => false, "logits are not capped here"),
        ("final_logit_softcapping", _ => false, "logits are not capped here"),
        ("query_pre_attn_scalar", _ => false, "scores are divided by √head_dim in this family"),
        ("logit_scale", v => IsNumber(v, 1), "logits are not scaled here"),
        ("logits_scaling", v => IsNumber(v, 1), "logits are not scaled here"),
        ("attention_multiplier", _ => false, "scores are divided by √head_dim here"),
        ("embedding_multiplier", v => IsNumber(v, 1), "embeddings are not scaled here"),
        ("residual_multiplier", v => IsNumber(v, 1), "residuals are not scaled here"),
        ("num_local_experts", v => IsNumber(v, 0), "there are no experts here"),
        ("num_experts", v => IsNumber(v, 0), "there are no experts here"),
        ("n_routed_experts", v => IsNumber(v, 0), "there are no experts here"),
        ("num_experts_per_tok", v => IsNumber(v, 0), "there are no experts here"),
        ("is_encoder_decoder", IsFalse, "only a decoder is implemented"),
        ("add_cross_attention", IsFalse, "only a decoder is implemented"),
        ("is_causal", v => v.ValueKind == JsonValueKind.True, "attention is causal here"),
        ("use_bidirectional_attention", IsFalse, "attention is causal here"),
        ("vision_config", IsEmpty, "only text is implemented; take the language model alone"),
        ("text_config", IsEmpty, "only text is implemented; take the language model alone"),
        ("audio_config", IsEmpty, "only text is implemented; take the language model alone"),
        ("pruned_heads", IsEmpty, "heads cannot be pruned here"),
        ("quantization_config", IsEmpty, "weights are float32, float16 or bfloat16 here; save the model unquantized"),
        ("compression_config", IsEmpty, "weights are float32, float16 or bfloat16 here; save the model unquantized"),
        ("auto_map", IsEmpty, "the model's own code cannot be run here"),
    ];

    private readonly JsonElement root;
    private readonly HashSet<string> read = new(StringComparer.Ordinal);

    /// <summary>The fields of a JSON object.</summary>
    public ConfigFields(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new TransformerConfigException(null, $"a JSON object is needed; this is {Show(root)}.");
        this.root = root;
    }

    /// <summary>Refuses the first field whose value asks for something that is not implemented, among those that the family did not
    /// read.</summary>
    public void RefuseWhatIsNotImplemented()
    {
        foreach ((string field, Func<JsonElement, bool> accepts, string implemented) in Implemented)
        {
            if (!read.Contains(field) && Peek(field) is { } value && !accepts(value)) throw Refused(field, value, implemented);
        }
    }

    /// <summary>The error of a value that is not implemented.</summary>
    public static TransformerConfigException Refused(string field, JsonElement value, string implemented) =>
        new(field, $"{field} = {Show(value)} is not implemented; {implemented}.");

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

    /// <summary>A text that must be one of some, if it is there: the others are not implemented.</summary>
    public void OneOf(string field, params ReadOnlySpan<string> implemented)
    {
        if (Find(field) is not { } value) return;
        foreach (string text in implemented)
        {
            if (IsText(value, text)) return;
        }

        throw Refused(field, value, $"only {string.Join(" or ", implemented.ToArray().Select(text => $"\"{text}\""))} is implemented");
    }

    /// <summary>
    /// Which layers see a window, from layer_types; null where there is none.
    /// </summary>
    public bool[]? SlidingLayers(int layers)
    {
        if (Find("layer_types") is not { } value) return null;
        JsonElement[] types = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        foreach (JsonElement type in types)
        {
            if (!IsText(type, "full_attention") && !IsText(type, "sliding_attention"))
                throw Refused("layer_types", value, "only \"full_attention\" and \"sliding_attention\" are implemented");
        }

        if (types.Length != layers)
            throw new TransformerConfigException("layer_types",
                $"layer_types has {types.Length} entries, but num_hidden_layers = {layers}.");
        return Array.ConvertAll(types, type => IsText(type, "sliding_attention"));
    }

    /// <summary>The windows of layers; null where there are none.</summary>
    public static LayerWindows? Windows(int? window, IEnumerable<bool> layers)
    {
        if (window is not { } tokens) return null;
        return tokens >= 1
            ? LayerWindows.Of(tokens, layers)
            : throw new TransformerConfigException("sliding_window", $"sliding_window = {tokens} must be at least 1.");
    }

    /// <summary>Whether a field is there, be it null.</summary>
    public bool Has(string field) => root.TryGetProperty(field, out _);

    /// <summary>A field's value, as one that the family reads; null if it is absent or null.</summary>
    public JsonElement? Find(string field)
    {
        read.Add(field);
        return Peek(field);
    }

    /// <summary>A value's text, not too long.</summary>
    public static string Show(JsonElement value)
    {
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 100 ? text : string.Concat(text.AsSpan(0, 100), "…");
    }

    /// <summary>A number.</summary>
    public static float Float(string field, JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? (float)value.GetDouble()
        : throw new TransformerConfigException(field, $"{field} = {Show(value)} must be a number.");

    /// <summary>Whether a value is a given text.</summary>
    public static bool IsText(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    /// <summary>Whether a value is a given number.</summary>
    public static bool IsNumber(JsonElement value, double number) =>
        value.ValueKind == JsonValueKind.Number && value.GetDouble() == number;

    private JsonElement? Peek(string field) =>
        root.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool IsFalse(JsonElement value) => value.ValueKind == JsonValueKind.False;

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };
}
