using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn.Families;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;

namespace MiniTransformer.Nn;

/// <summary>
/// One layer: x + attention(norm(x)), then x + mlp(norm(x)); where the family has norms after them too, x + norm(attention(norm(x))) and
/// x + norm(mlp(norm(x))). What else differs between families is in <see cref="TransformerForm"/>, and its parts read it.
/// </summary>
internal sealed class Block
{
    private readonly Norm inputNorm;
    private readonly CausalSelfAttention attention;
    private readonly Norm? afterAttention;
    private readonly Norm mlpNorm;
    private readonly Mlp mlp;
    private readonly Norm? afterMlp;

    /// <summary>Takes the layer's parameters from the source.</summary>
    public Block(ParameterSource source, TransformerConfig config, int layer, InitScale init)
    {
        // Hugging Face's "post_attention_layernorm" is the norm before the perceptron in families with two, that after attention in
        // those with four.
        bool four = config.Form.NormsAfter;
        inputNorm = NormOf("input_layernorm");
        attention = new CausalSelfAttention(source / "self_attn", config, layer, init);
        afterAttention = four ? NormOf("post_attention_layernorm") : null;
        mlpNorm = NormOf(four ? "pre_feedforward_layernorm" : "post_attention_layernorm");
        mlp = new Mlp(source / "mlp", config, init);
        afterMlp = four ? NormOf("post_feedforward_layernorm") : null;

        Norm NormOf(string name) => new(source / name, config.Form.Norm, config.HiddenSize, config.RmsNormEps);
    }

    /// <summary>
    /// (N, C) → (N, C), or only the named rows of it. Tokens meet in the attention alone: what follows is computed only for the rows that
    /// are asked for.
    /// </summary>
    internal Tensor Forward(Tensor x, in Placement at, TokenIds? rows = null)
    {
        Tensor mixed = attention.Mix(inputNorm.Forward(x), at); // (N, H·D)
        if (rows is { } wanted) (x, mixed) = (x.SelectRows(wanted), mixed.SelectRows(wanted));
        x = x + After(afterAttention, attention.Project(mixed));
        return x + After(afterMlp, mlp.Forward(mlpNorm.Forward(x)));
    }

    private static Tensor After(Norm? norm, Tensor x) => norm is null ? x : norm.Forward(x);
}

/// <summary>
/// A decoder-only transformer: token table, blocks of attention and perceptron, a final norm, and a linear head (the token table
/// itself if tied), in the form of one of the families. Its logits at position t are Q(s_t, ·).
/// </summary>
public sealed class Transformer : IDisposable
{
    private readonly Embedding tokens;
    private readonly Embedding? learnedPositions;
    private readonly Block[] blocks;
    private readonly Norm norm;
    private readonly Linear? head;
    private readonly RotationTables rotation;
    private readonly RotationTables localRotation;
    private readonly IReadOnlyList<Parameter> parameters;

    /// <summary>Builds the model and takes its parameters from the source.</summary>
    public Transformer(TransformerConfig config, ParameterSource source)
    {
        config.Validate();
        (Config, Device) = (config, source.Device);
        Device.Require(source.ElementBytes * config.ParameterCount, $"A model of {config.SizeInWords}",
            "a smaller one is needed, or a device with more memory");
        TransformerForm form = config.Form;
        InitScale init = InitScale.For(config);
        ParameterSource model = source / "model";
        tokens = new Embedding(model / "embed_tokens", config.VocabSize, config.HiddenSize, init.Inner);
        if (form.LearnedPositions)
        {
            learnedPositions = new Embedding(model / "embed_positions", config.MaxPositions, config.HiddenSize, init.Inner);
        }
        blocks = new Block[config.NumLayers];
        for (int i = 0; i < blocks.Length; i++) blocks[i] = new Block(model / "layers" / $"{i}", config, i, init);
        norm = new Norm(model / "norm", form.Norm, config.HiddenSize, config.RmsNormEps);
        if (!config.TieEmbeddings) head = new Linear(source / "lm_head", config.HiddenSize, config.VocabSize, init.Inner);
        (parameters, Lora) = (source.Parameters, source.Lora);
        rotation = new RotationTables(Device, config.MaxPositions,
            RotaryScaling.Frequencies(config.HeadDim, config.RopeTheta, form.Scaling));
        localRotation = form.LocalTheta is { } theta
            ? new RotationTables(Device, config.MaxPositions, RotaryScaling.Frequencies(config.HeadDim, theta, scaling: null))
            : rotation;
    }

    /// <summary>Builds a model with the weights of a file that <see cref="TransformerConfig.CheckAgainst"/> has checked.</summary>
    /// <param name="config">The sizes.</param>
    /// <param name="device">Where the model is put.</param>
    /// <param name="weights">The file.</param>
    /// <param name="trainable">Whether it is to be trained, in float32; a frozen model's matrices stay in the file's type, to the same
    /// results.</param>
    public static Transformer Load(TransformerConfig config, Device device, ITensorFile weights, bool trainable = true) =>
        new(config, ParameterSource.From(device, weights, Family.Of(config.Form), trainable));

    /// <summary>The sizes.</summary>
    public TransformerConfig Config { get; }

    /// <summary>The files that go with the model, at first those that its configuration came with.</summary>
    public CompanionFiles Companions { get => field ?? Config.Companions; set; }

    /// <summary>What adapts the model; null where nothing does.</summary>
    public LoraOptions? Lora { get; }

    /// <summary>Of an adapted model, what its base is and where.</summary>
    public AdaptedBase? Base { get; set; }

    /// <summary>The device that the model is on.</summary>
    public Device Device { get; }

    /// <summary>All parameters, in the order of construction.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>How many numbers it has, trained or frozen.</summary>
    public long ParameterCount => parameters.Sum(p => (long)p.Shape.Count);

    /// <summary>
    /// Training keeps only the blocks' results and computes what is inside them again in the backward pass: activations of one block
    /// instead of all, for one more forward pass. The gradients are the same bits.
    /// </summary>
    public bool Recompute { get; set; }

    /// <summary>Logits of every token: (N) → (N, V).</summary>
    public Tensor Forward(in TokenRows tokens) => Head(Hidden(tokens));

    /// <summary>The final hidden states, normalised: (N) → (N, C), or as many as there are rows. See <see cref="Head"/>.</summary>
    /// <param name="tokens">Sequences, each of at most the model's positions.</param>
    /// <param name="rows">The rows that are needed; without them, all.</param>
    public Tensor Hidden(in TokenRows tokens, TokenIds? rows = null)
    {
        if (tokens.Positions.Shape.Count > 0 && tokens.Positions.Largest >= Config.MaxPositions)
        {
            throw new ArgumentException(
                $"Transformer: sequences of {tokens.Positions.Largest + 1} tokens came; the model has {Config.MaxPositions} positions "
                    + "(max_position_embeddings).");
        }

        return Run(tokens.Ids, new Placement(tokens.Positions, tokens.Starts), rows);
    }

    /// <summary>Logits of hidden states: (N, C) → (N, V).</summary>
    public Tensor Head(Tensor hidden) => hidden.Linear(head?.Weight ?? tokens.Weight);

    /// <summary>
    /// The policy at the states of named rows: what training, scoring and sampling ask for log-probabilities, divergences and tokens.
    /// </summary>
    public PolicyRows Policy(in TokenRows tokens, TokenIds rows) => PolicyOf(Hidden(tokens, rows));

    /// <summary>The policy at the states of hidden rows, (N, C).</summary>
    internal PolicyRows PolicyOf(Tensor hidden) => PolicyRows.Of(hidden, head?.Weight ?? tokens.Weight);

    /// <summary>
    /// Logits of the named rows only: neither the last block's perceptron nor the head is computed for the others. See <see cref="Policy"/>
    /// for what does not need all of them at once.
    /// </summary>
    public Tensor Logits(in TokenRows tokens, TokenIds rows) => Head(Hidden(tokens, rows));

    /// <summary>
    /// A copy of the weights at this moment, on the same device. Of a frozen model a frozen copy takes no memory of its own.
    /// </summary>
    /// <param name="trainable">False for a frozen policy, such as π_SFT or π_ref.</param>
    /// <remarks>Of an adapted model the base stays frozen and shared; its adapters, and what else they train, are copied.</remarks>
    public Transformer Clone(bool trainable = false) => new(Config, Lora is null
        ? ParameterSource.CopyOf(parameters, Device, trainable)
        : ParameterSource.Adapted(parameters, Device, trainable, Lora, (_, _) => null))
    { Companions = Companions, Base = Base };

    /// <summary>This model, frozen and shared, with new adapters that change nothing yet.</summary>
    /// <param name="lora">Which, and what else is to be trained.</param>
    /// <param name="seed">Of the adapters' first factors.</param>
    /// <exception cref="ArgumentException">The options do not fit the model.</exception>
    public Transformer Adapted(LoraOptions lora, ulong seed)
    {
        lora.Validate(Config);
        if (Lora is not null) throw new ArgumentException("LoRA: the model has adapters already; merge them first.");
        float[]? Start(string name, Shape shape) => Adapter.IsPartOf(name) ? Adapter.Start(name, shape, seed) : null;
        return new Transformer(Config,
            ParameterSource.Adapted(parameters, Device, trainable: true, lora, Start))
        { Companions = Companions };
    }

    /// <summary>The model with its adapters' products added to the weights: one without adapters, frozen.</summary>
    public Transformer Merged() =>
        Lora is null ? Clone() : new Transformer(Config, ParameterSource.Merged(parameters, Device, Lora)) { Companions = Companions };

    /// <summary>A model of a form whose weights are zero: for the memory that it takes.</summary>
    /// <param name="config">The sizes.</param>
    /// <param name="device">Where it is put, such as <see cref="Device.DryRun"/>.</param>
    /// <param name="lora">What adapts it, if anything does.</param>
    /// <param name="frozen">The type of what is not trained; null for a model that is trained as a whole.</param>
    public static Transformer Blank(TransformerConfig config, Device device, LoraOptions? lora = null, ElementType? frozen = null) =>
        new(config, frozen is { } type ? ParameterSource.FrozenZeros(device, _ => type, lora) : ParameterSource.Zeros(device));

    /// <summary>A model of zeros that takes the memory of another one, of the same form, types and adapters.</summary>
    /// <param name="model">The other one.</param>
    /// <param name="device">Where it is put, such as <see cref="Device.DryRun"/>.</param>
    public static Transformer BlankLike(Transformer model, Device device)
    {
        Dictionary<string, ElementType> types = model.parameters.ToDictionary(p => p.Name, p => p.Type);
        var blank = new Transformer(
            model.Config, model.Lora is not null
                || model.parameters.All(p => !p.Trainable)
                ? ParameterSource.FrozenZeros(device, name => types[name], model.Lora)
                : ParameterSource.Zeros(device));
        blank.Recompute = model.Recompute;
        return blank;
    }

    /// <summary>Whether another model has the same weights, to the bit.</summary>
    public bool HasWeightsOf(Transformer other) =>
        parameters.Count == other.parameters.Count
            && parameters.Zip(other.parameters).All(pair => pair.First.Name == pair.Second.Name && pair.First.HasValueOf(pair.Second));

    /// <summary>Takes over the weights of a file that <see cref="TransformerConfig.CheckAgainst"/> has checked.</summary>
    public void Fill(ITensorFile weights)
    {
        if (Lora is not null) throw new InvalidOperationException("Fill: an adapted model takes over adapters, by PeftFiles.Fill.");
        foreach (Parameter p in parameters) StoredWeights.Fill(p, weights, Family.Of(Config.Form));
    }

    /// <summary>The type of most of the weights in the files that they came from; float32 for a new model.</summary>
    public ElementType StoredAs => parameters.GroupBy(p => p.StoredAs).MaxBy(type => type.Sum(p => (long)p.Shape.Count))!.Key;

    /// <summary>The weights as tensors for a file, with the names and layout of the family.</summary>
    /// <param name="type">The type of all; null for the one that each came in.</param>
    public IEnumerable<TensorData> Tensors(ElementType? type = null) => Lora is null
        ? StoredWeights.Tensors(parameters, Family.Of(Config.Form), type)
        : throw new InvalidOperationException("Tensors: an adapted model is written as adapters (PeftFiles.Write), or merged first.");

    /// <summary>The metadata of a file of weights.</summary>
    /// <param name="keepTypes">For a float32 file to go on from: whether it says in which types the weights came.</param>
    public IReadOnlyDictionary<string, string> Metadata(bool keepTypes) =>
        StoredWeights.Metadata(keepTypes ? parameters : [], Family.Of(Config.Form));

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
        if (localRotation != rotation) localRotation.Dispose();
    }

    // Whole prompts, whose keys and values the cache keeps.
    internal Tensor Hidden(in TokenRows tokens, KvCache cache, TokenIds slots, TokenIds rows) =>
        Run(tokens.Ids, new Placement(tokens.Positions, tokens.Starts, Cache: cache, Slots: slots), rows);

    // One new token for each of some slots of the cache.
    internal Tensor Hidden(TokenIds ids, TokenIds positions, KvCache cache, TokenIds slots) =>
        Run(ids, new Placement(positions, Starts: null, Cache: cache, Slots: slots), rows: null);

    // With the rotation tables, where the family has them.
    private Placement Rotated(in Placement at)
    {
        if (Config.Form.LearnedPositions || at.Positions.Shape.Count == 0) return at;
        int positions = at.Positions.Largest + 1;
        return at with { Rotation = rotation.For(positions), Local = localRotation.For(positions) };
    }

    // Where nothing is recorded, no more is kept than the result, and meanwhile one block's activations.
    private Tensor Run(TokenIds ids, in Placement placement, TokenIds? rows)
    {
        var tape = (Tape)ids.Owner;
        if (tape.Recording) return Blocks(ids, placement, rows);
        Tensor result = tape.New(new Shape(rows?.Shape.Count ?? ids.Shape.Count, Config.HiddenSize), needsGrad: false);
        Arena.Mark mark = tape.Arena.Here;
        tape.Backend.Copy(Blocks(ids, placement, rows).Storage, result.Storage);
        tape.Arena.Release(mark);
        return result;
    }

    private Tensor Blocks(TokenIds ids, in Placement placement, TokenIds? rows)
    {
        Placement at = Rotated(placement);
        var tape = (Tape)ids.Owner;
        Tensor x = tokens.Forward(ids); // (N, C)
        if (Config.Form.ScaledEmbedding) x = x.Scale(MathF.Sqrt(Config.HiddenSize));
        if (learnedPositions is not null) x = x + learnedPositions.Forward(at.Positions);
        foreach (Block block in blocks)
        {
            var here = new BlockAt(block, at, block == blocks[^1] ? rows : null);
            x = Recompute || !tape.Recording ? Autograd.Recompute.Run(x, here) : here.Forward(x);
        }

        return norm.Forward(x);
    }

    private readonly struct BlockAt(Block block, Placement at, TokenIds? rows) : IRecomputable
    {
        public Shape ShapeOf(Tensor x) => rows is { } wanted ? new Shape(wanted.Shape.Count, x.Shape.Last) : x.Shape;

        public Tensor Forward(Tensor x) => block.Forward(x, at, rows);
    }
}
