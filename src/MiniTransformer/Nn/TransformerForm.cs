namespace MiniTransformer.Nn;

/// <summary>How rows are normalised.</summary>
public enum NormKind
{
    /// <summary>w x / √(mean x² + ε).</summary>
    Rms,

    /// <summary>(1 + w) x / √(mean x² + ε): Gemma's, whose weights are around 0.</summary>
    RmsOnePlus,

    /// <summary>w (x − mean x) / √(var x + ε) + b (J. Ba et al., "Layer Normalization", 2016).</summary>
    Layer,
}

/// <summary>What a block's perceptron computes.</summary>
public enum MlpKind
{
    /// <summary>down(silu(gate x) · up x).</summary>
    SwiGlu,

    /// <summary>down(gelu(gate x) · up x), GELU approximated by tanh.</summary>
    GeGlu,

    /// <summary>down(gelu(up x)), GELU approximated by tanh.</summary>
    Gelu,
}

/// <summary>
/// What one family of decoder-only transformers computes otherwise than another, as data: <see cref="Block"/> reads it. The families of
/// Nn/Families say which form a config.json means; the sizes are <see cref="TransformerConfig"/>'s.
/// </summary>
public sealed record TransformerForm
{
    /// <summary>The family by its model_type in config.json.</summary>
    public required string ModelType { get; init; }

    /// <summary>The norm of every place that has one.</summary>
    public NormKind Norm { get; init; }

    /// <summary>Whether attention and perceptron are normalised once more before they are added to the stream (Gemma's four norms a
    /// block).</summary>
    public bool NormsAfter { get; init; }

    /// <summary>Whether each head's query and key are normalised before they are rotated.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>Positions as a trained table that is added to the embedding, instead of rotations.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>How the frequencies of a longer context are stretched; null for θ^(−2i/D) as it is.</summary>
    public RotaryScaling? Scaling { get; init; }

    /// <summary>The window of each layer; null where every layer sees the whole context.</summary>
    public LayerWindows? Windows { get; init; }

    /// <summary>The rotary base of the layers that have a window, where it is another (rope_local_base_freq); their frequencies are
    /// not stretched.</summary>
    public float? LocalTheta { get; init; }

    /// <summary>Whether the projections of queries, keys and values have a bias.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether attention's output projection has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the perceptron's projections have a bias.</summary>
    public bool MlpBias { get; init; }

    /// <summary>The perceptron.</summary>
    public MlpKind Mlp { get; init; }

    /// <summary>
    /// Whether embeddings are multiplied by √C, in float32. (Hugging Face rounds √C to the weights' type, and so to bfloat16 where a
    /// model runs in it; in float32, as here and in llama.cpp, it is not rounded.)
    /// </summary>
    public bool ScaledEmbedding { get; init; }

    /// <summary>Scores are ⟨q, k⟩ / √QueryScalar (query_pre_attn_scalar); null for the head's width D.</summary>
    public float? QueryScalar { get; init; }

    /// <summary>Llama's form, which is that of models made here.</summary>
    public static TransformerForm Llama { get; } = new() { ModelType = "llama" };
}

/// <summary>How many tokens back each layer looks, the token itself included; 0 for the whole context.</summary>
public sealed class LayerWindows : IEquatable<LayerWindows>
{
    private readonly int[] windows;

    private LayerWindows(int[] windows) => this.windows = windows;

    /// <summary>The number of layers.</summary>
    public int Count => windows.Length;

    /// <summary>The window of a layer.</summary>
    public int this[int layer] => windows[layer];

    /// <summary>The windows of some layers; null where none has one.</summary>
    public static LayerWindows? Of(int window, IEnumerable<bool> layers)
    {
        int[] windows = [.. layers.Select(has => has ? window : 0)];
        return Array.TrueForAll(windows, w => w == 0) ? null : new LayerWindows(windows);
    }

    /// <summary>Whether every layer has the same window.</summary>
    public bool Equals(LayerWindows? other) => other is not null && windows.AsSpan().SequenceEqual(other.windows);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LayerWindows);

    /// <inheritdoc/>
    public override int GetHashCode() => windows.Aggregate(windows.Length, HashCode.Combine);
}
