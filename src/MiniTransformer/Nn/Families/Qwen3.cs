namespace MiniTransformer.Nn.Families;

/// <summary>
/// Qwen3 (Qwen3ForCausalLM): as Qwen2, but queries and keys are normalised head by head (RMS over head_dim) before they are rotated, and
/// attention_bias (absent: false) says whether all four projections have a bias. Absent head_dim = 128.
/// </summary>
internal sealed class Qwen3 : Qwen2
{
    /// <inheritdoc/>
    public override string ModelType => "qwen3";

    /// <inheritdoc/>
    public override string Architecture => "Qwen3ForCausalLM";

    /// <inheritdoc/>
    protected override int? AbsentHeadDim => 128;

    /// <inheritdoc/>
    public override void Write(ConfigWriter json, TransformerConfig config)
    {
        base.Write(json, config);
        json.Bool("attention_bias", config.Form.QkvBias);
    }

    /// <inheritdoc/>
    protected override TransformerForm Biases(ConfigFields fields, TransformerForm form)
    {
        bool biased = fields.OptionalBool("attention_bias") ?? false;
        return form with { QueryKeyNorm = true, QkvBias = biased, OutputBias = biased };
    }
}
