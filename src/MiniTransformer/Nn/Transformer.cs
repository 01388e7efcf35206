using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>One layer: x + attention(norm(x)), then x + mlp(norm(x)).</summary>
public sealed class Block(ParameterSource source, TransformerConfig config, int layer, InitScale init)
{
    private readonly RmsNorm inputNorm = new(source / "input_layernorm", config.HiddenSize, config.RmsNormEps);
    private readonly CausalSelfAttention attention = new(source / "self_attn", config, layer, init);
    private readonly RmsNorm mlpNorm = new(source / "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);
    private readonly Mlp mlp = new(source / "mlp", config, init);

    /// <summary>
    /// (B, T, C) → (B, T, C); or → (N, C), the N named rows of it. Tokens meet in the attention alone: what follows is computed only for the
    /// rows that are asked for.
    /// </summary>
    internal Tensor Forward(Tensor x, in Placement at, TokenIds? rows = null)
    {
        Tensor mixed = attention.Mix(inputNorm.Forward(x), at); // (B, T, H·D)
        if (rows is { } wanted) (x, mixed) = (x.SelectRows(wanted), mixed.SelectRows(wanted));
        x = x + attention.Project(mixed);
        return x + mlp.Forward(mlpNorm.Forward(x));
    }
}

/// <summary>
/// A decoder-only transformer in the Llama form: token table, blocks of attention and SwiGLU with RMSNorm before each, a final norm,
/// and a linear head (the token table itself if tied). Its logits at position t are Q(s_t, ·).
/// </summary>
public sealed class Transformer : IDisposable
{
    private readonly Embedding tokens;
    private readonly Block[] blocks;
    private readonly RmsNorm norm;
    private readonly Linear? head;
    private readonly RotationTables rotation;
    private readonly List<Parameter> parameters;

    /// <summary>Builds the model and takes its parameters from the source.</summary>
    public Transformer(TransformerConfig config, ParameterSource source)
    {
        config.Validate();
        Config = config;
        Device = source.Device;
        InitScale init = InitScale.For(config);
        ParameterSource model = source / "model";
        tokens = new Embedding(model / "embed_tokens", config.VocabSize, config.HiddenSize, init.Inner);
        blocks = new Block[config.NumLayers];
        for (int i = 0; i < blocks.Length; i++) blocks[i] = new Block(model / "layers" / $"{i}", config, i, init);
        norm = new RmsNorm(model / "norm", config.HiddenSize, config.RmsNormEps);
        if (!config.TieEmbeddings) head = new Linear(source / "lm_head", config.HiddenSize, config.VocabSize, init.Inner);
        parameters = source.Parameters;
        rotation = new RotationTables(Device, config);
    }

    /// <summary>The sizes.</summary>
    public TransformerConfig Config { get; }

    /// <summary>The device that the model is on.</summary>
    public Device Device { get; }

    /// <summary>All parameters, in the order of construction.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>Number of trained numbers.</summary>
    public long ParameterCount => parameters.Sum(p => (long)p.Shape.Count);

    /// <summary>
    /// Training keeps only the blocks' results and computes what is inside them again in the backward pass: activations of one block
    /// instead of all, for one more forward pass. The gradients are the same bits.
    /// </summary>
    public bool Recompute { get; set; }

    /// <summary>Logits of every position: (B, T) → (B, T, V). Sequences are padded on the right.</summary>
    public Tensor Forward(TokenIds ids) => Head(Hidden(ids));

    /// <summary>The final hidden states, normalised: (B, T) → (B, T, C), or with rows (N) → (N, C). See <see cref="Head"/>.</summary>
    /// <param name="ids">Tokens (B, T).</param>
    /// <param name="rows">The flat positions b·T + t that are needed; without them, all.</param>
    public Tensor Hidden(TokenIds ids, TokenIds? rows = null)
    {
        (int b, int t) = BatchOf(ids);
        (Tensor cos, Tensor sin) = rotation.For(t);
        return Run(ids, new Placement(((Tape)ids.Owner).Positions(b, t), cos, sin), rows);
    }

    /// <summary>Logits of hidden states: (.., C) → (.., V).</summary>
    public Tensor Head(Tensor hidden) => hidden.Linear(head?.Weight ?? tokens.Weight);

    /// <summary>
    /// Logits of the named positions only: ids (B, T), rows (N) flat positions b·T + t → (N, V). Training and scoring use it with the
    /// positions that predict response tokens: neither the last block's perceptron nor the head is computed for the others.
    /// </summary>
    public Tensor Logits(TokenIds ids, TokenIds rows) => Head(Hidden(ids, rows));

    /// <summary>A copy of the weights at this moment, on the same device.</summary>
    /// <param name="trainable">False for a frozen policy, such as π_SFT or π_ref.</param>
    public Transformer Clone(bool trainable = false)
    {
        var copy = new Transformer(Config, ParameterSource.CopyOf(parameters, Device));
        foreach (Parameter p in copy.parameters) p.Trainable = trainable;
        return copy;
    }

    /// <summary>Takes over the weights of another model of the same form.</summary>
    public void CopyFrom(Transformer other)
    {
        if (other.Config != Config) throw new ArgumentException("CopyFrom: the two models have different configurations.");
        for (int i = 0; i < parameters.Count; i++) parameters[i].CopyFrom(other.parameters[i]);
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        foreach (Parameter p in parameters) p.Dispose();
        rotation.Dispose();
    }

    // Tokens with a cache: either whole prompts (B, T), or one new token for each of B slots.
    internal Tensor Hidden(TokenIds ids, KvCache cache, TokenIds positions, TokenIds slots, TokenIds cachePositions, TokenIds? rows = null)
    {
        (Tensor cos, Tensor sin) = rotation.For(positions.Largest + 1);
        return Run(ids, new Placement(positions, cos, sin, cache, slots, cachePositions, OneToken: ids.Shape[1] == 1), rows);
    }

    private Tensor Run(TokenIds ids, in Placement at, TokenIds? rows)
    {
        Tensor x = tokens.Forward(ids); // (B, T, C)
        foreach (Block block in blocks)
        {
            var here = new BlockAt(block, at, block == blocks[^1] ? rows : null);
            x = Recompute ? Autograd.Recompute.Run(x, here) : here.Forward(x);
        }

        return norm.Forward(x);
    }

    private readonly struct BlockAt(Block block, Placement at, TokenIds? rows) : IRecomputable
    {
        public Shape ShapeOf(Tensor x) => rows is { } wanted ? new Shape(wanted.Shape.Count, x.Shape.Last) : x.Shape;

        public Tensor Forward(Tensor x) => block.Forward(x, at, rows);
    }

    private (int B, int T) BatchOf(TokenIds ids)
    {
        if (ids.Shape.Rank != 2) throw new ArgumentException($"Transformer: ids of shape {ids.Shape} came; (B, T) is needed.");
        if (ids.Shape[1] > Config.MaxPositions)
            throw new ArgumentException($"Transformer: sequences of {ids.Shape[1]} tokens came; the model has {Config.MaxPositions} positions (max_position_embeddings).");
        return (ids.Shape[0], ids.Shape[1]);
    }
}
