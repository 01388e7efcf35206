using MiniTransformer.Text;

namespace MiniTransformer.Nn;

/// <summary>
/// The sizes and constants of a decoder-only transformer, and by <see cref="Form"/> the family that it belongs to; without one it is a
/// Llama: RMSNorm, rotary positions, causal attention with grouped key/value heads, SwiGLU, no biases. On disk it is Hugging Face's
/// config.json; each property names its field there.
/// </summary>
public sealed partial record TransformerConfig
{
    private readonly int? numKeyValueHeads;
    private readonly int? headDim;

    /// <summary>Number of tokens V in the vocabulary (vocab_size).</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width C of the residual stream (hidden_size).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the MLP between its projections (intermediate_size).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of blocks (num_hidden_layers).</summary>
    public required int NumLayers { get; init; }

    /// <summary>Number H of query heads (num_attention_heads).</summary>
    public required int NumHeads { get; init; }

    /// <summary>Number of key/value heads, a divisor of <see cref="NumHeads"/> and by default equal to it (num_key_value_heads).</summary>
    public int NumKeyValueHeads { get => numKeyValueHeads ?? NumHeads; init => numKeyValueHeads = value; }

    /// <summary>Width D of a head, by default C / H (head_dim). Even, because rotary positions turn pairs.</summary>
    public int HeadDim { get => headDim ?? HiddenSize / Math.Max(1, NumHeads); init => headDim = value; }

    /// <summary>The longest sequence, in tokens (max_position_embeddings).</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Base θ of the rotary frequencies θ^(−2i/D) (rope_theta).</summary>
    public float RopeTheta { get; init; } = 10000f;

    /// <summary>The ε in x / √(mean(x²) + ε) (rms_norm_eps, layer_norm_epsilon).</summary>
    public float RmsNormEps { get; init; } = 1e-5f;

    /// <summary>What the model's family computes otherwise than others.</summary>
    public TransformerForm Form { get; init; } = TransformerForm.Llama;

    /// <summary>Whether the output projection is the embedding matrix itself (tie_word_embeddings).</summary>
    public bool TieEmbeddings { get; init; }

    /// <summary>
    /// Deviation of new weights; null for √(2 / 5C), see <see cref="InitScale"/>. It concerns how weights are drawn and not what a
    /// model with weights computes: config.json does not have it, and equality leaves it out.
    /// </summary>
    public double? InitStd { get; init; }

    // A size left to its default equals the same size given explicitly, so equality compares what the properties say.
    private (int, int, int, int, int, int, int, int, float, float, bool, int?, EndTokens, int?, TransformerForm) Values =>
        (VocabSize, HiddenSize, IntermediateSize, NumLayers, NumHeads, NumKeyValueHeads, HeadDim, MaxPositions,
            RopeTheta, RmsNormEps, TieEmbeddings, BeginId, Ends, PadId, Form);

    /// <summary>Whether two configurations describe the same model.</summary>
    public bool Equals(TransformerConfig? other) => other is not null && Values.Equals(other.Values);

    /// <inheritdoc/>
    public override int GetHashCode() => Values.GetHashCode();

    /// <summary>Checks that the sizes are positive and fit together.</summary>
    /// <returns>This configuration.</returns>
    /// <exception cref="TransformerConfigException">A field is out of range or contradicts another; the message names both.</exception>
    public TransformerConfig Validate()
    {
        Positive("vocab_size", VocabSize);
        Positive("hidden_size", HiddenSize);
        Positive("intermediate_size", IntermediateSize);
        Positive("num_hidden_layers", NumLayers);
        Positive("num_attention_heads", NumHeads);
        Positive("num_key_value_heads", NumKeyValueHeads);
        Positive("max_position_embeddings", MaxPositions);
        if (headDim is null && HiddenSize % NumHeads != 0)
        {
            throw new TransformerConfigException(Field("hidden_size"),
                $"{Field("hidden_size")} = {HiddenSize} is not divisible by {Field("num_attention_heads")} = {NumHeads}, and there is no "
                    + "head_dim.");
        }

        if (NumHeads % NumKeyValueHeads != 0)
        {
            throw new TransformerConfigException("num_key_value_heads",
                $"num_key_value_heads = {NumKeyValueHeads} does not divide num_attention_heads = {NumHeads}: "
                + "each key/value head serves the same number of query heads.");
        }

        Positive("head_dim", HeadDim);
        if (HeadDim % 2 != 0 && !Form.LearnedPositions)
        {
            throw new TransformerConfigException("head_dim", $"head_dim = {HeadDim} is odd, but rotary positions turn pairs of components; "
                + (headDim is null
                    ? $"it comes from hidden_size / num_attention_heads = {HiddenSize} / {NumHeads}."
                    : "choose an even one."));
        }

        if ((long)NumHeads * HeadDim > int.MaxValue)
            throw new TransformerConfigException(
                "head_dim", $"num_attention_heads × head_dim = {NumHeads} × {HeadDim} is more than 2³¹ − 1.");
        CheckSize();
        if (Form.Windows is { } windows && windows.Count != NumLayers)
            throw new TransformerConfigException("layer_types",
                $"{windows.Count} layers have windows, but num_hidden_layers = {NumLayers}.");
        if (Form.QueryScalar is { } scalar) PositiveAndFinite("query_pre_attn_scalar", scalar);
        if (Form.LocalTheta is { } local) PositiveAndFinite("rope_local_base_freq", local);
        PositiveAndFinite("rope_theta", RopeTheta);
        PositiveAndFinite("rms_norm_eps", RmsNormEps);
        if (InitStd is { } deviation) PositiveAndFinite("the deviation of new weights", (float)deviation);
        Token("bos_token_id", BeginId);
        foreach (int id in Ends) Token("eos_token_id", id);
        Token("pad_token_id", PadId);
        return this;
    }

    // A field's name in the family's config.json.
    private string Field(string field) => Families.Family.Of(Form).FieldName(field);

    private void Positive(string field, int value)
    {
        if (value <= 0) throw new TransformerConfigException(Field(field), $"{Field(field)} = {value} must be at least 1.");
    }

    private void PositiveAndFinite(string field, float value)
    {
        if (!(value > 0 && float.IsFinite(value)))
            throw new TransformerConfigException(
                Field(field), FormattableString.Invariant($"{Field(field)} = {value} must be a positive float32 number."));
    }

    private void Token(string field, int? id)
    {
        if (id is { } value && (uint)value >= (uint)VocabSize)
            throw new TransformerConfigException(field,
                $"{field} = {value} is not a token: vocab_size = {VocabSize} allows 0 to {VocabSize - 1}.");
    }
}
