using System.Text.RegularExpressions;

namespace MiniTransformer.Nn;

/// <summary>What else of a model is trained beside its adapters.</summary>
[Flags]
public enum AlsoTrained
{
    /// <summary>Nothing.</summary>
    Nothing = 0,

    /// <summary>The norms.</summary>
    Norms = 1,

    /// <summary>The tables of tokens and positions; a tied head with them.</summary>
    Embeddings = 2,

    /// <summary>The head, where it is a matrix of its own.</summary>
    Head = 4,

    /// <summary>Everything.</summary>
    All = 8,
}

/// <summary>
/// Low-rank adaptation (E. Hu et al., "LoRA", ICLR 2022): a projection computes x·Wᵀ + s (x·Aᵀ)·Bᵀ with W frozen, A (r, in), B (out, r) and
/// s = α/r. B is zero at first, so that the model is its base. There is no dropout.
/// </summary>
public sealed record LoraOptions
{
    /// <summary>The projections that can be adapted.</summary>
    public static readonly IReadOnlyList<string> Projections =
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>The table of tokens, and the head; one parameter where they are tied.</summary>
    internal const string Table = "model.embed_tokens.weight", HeadWeight = "lm_head.weight";

    // A pattern of a file is somebody's regular expression.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>r, of all projections that no pattern names.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>α, of all projections that no pattern names.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>s = α/√r instead of α/r (D. Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA",
    /// 2023).</summary>
    public bool RankStabilised { get; init; }

    /// <summary>Which projections are adapted: names, or ends of paths such as layers.0.self_attn.q_proj.</summary>
    public IReadOnlyList<string> Targets { get; init; } = Projections;

    /// <summary>Ranks of projections whose path ends in what a regular expression matches.</summary>
    public IReadOnlyDictionary<string, int> Ranks { get; init; } = new Dictionary<string, int>();

    /// <summary>α of projections whose path ends in what a regular expression matches.</summary>
    public IReadOnlyDictionary<string, double> Alphas { get; init; } = new Dictionary<string, double>();

    /// <summary>What else is trained, and kept with the adapters.</summary>
    public AlsoTrained Also { get; init; }

    /// <summary>Modules that are trained whole instead of being adapted: the ends of their paths, as PEFT's modules_to_save has them ("norm"
    /// is the end of input_layernorm, too).</summary>
    public IReadOnlyList<string> Modules { get; init; } = [];

    /// <summary>Whether a projection is adapted.</summary>
    /// <param name="path">Its path, such as model.layers.0.self_attn.q_proj.</param>
    public bool Adapts(string path) =>
        Projections.Contains(path.Split('.')[^1]) && !Modules.Any(name => Names(name, path))
        && Targets.Any(t => path == t || path.EndsWith("." + t, StringComparison.Ordinal));

    /// <summary>r of a projection.</summary>
    public int RankOf(string path) => Of(Ranks, path, Rank);

    /// <summary>s of a projection.</summary>
    public float ScaleOf(string path)
    {
        double alpha = Of(Alphas, path, Alpha), rank = RankOf(path);
        return (float)(alpha / (RankStabilised ? Math.Sqrt(rank) : rank));
    }

    /// <summary>Whether a parameter is trained.</summary>
    public bool Trains(string parameter) => Adapter.IsPartOf(parameter) || Also.HasFlag(AlsoTrained.All)
        || (Also.HasFlag(AlsoTrained.Norms) && parameter.Split('.')[^2].EndsWith("norm", StringComparison.Ordinal))
        || (Also.HasFlag(AlsoTrained.Embeddings) && parameter.Contains(".embed_", StringComparison.Ordinal))
        || (Also.HasFlag(AlsoTrained.Head) && parameter.StartsWith("lm_head.", StringComparison.Ordinal))
        || Modules.Any(name => Names(name, ModuleOf(parameter)));

    /// <summary>Throws if the options fit no model, or not this one.</summary>
    /// <exception cref="ArgumentException">They do not; the message says which and why.</exception>
    public void Validate(TransformerConfig config)
    {
        int least = Ranks.Values.Append(Rank).Min();
        if (least < 1) throw new ArgumentException($"LoRA: the rank must be at least 1, not {least}.");
        foreach (double alpha in Alphas.Values.Append(Alpha))
            if (!(alpha > 0) || double.IsInfinity(alpha)) throw new ArgumentException($"LoRA: alpha must be positive, not {alpha}.");
        if (config.Form.ModelType == "gpt2")
        {
            throw new ArgumentException(
                "LoRA is not implemented for gpt2, whose files have queries, keys and values as one projection (c_attn); train it whole.");
        }

        string[] paths = Paths(config);
        foreach (string target in Targets)
        {
            if (!paths.Any(path => (this with { Targets = [target], Modules = [] }).Adapts(path)))
            {
                IEnumerable<string> there = Projections.Where(p => paths.Any(path => path.EndsWith(p, StringComparison.Ordinal)));
                throw new ArgumentException($"LoRA: '{target}' is no projection of this model; there are {string.Join(", ", there)}.");
            }
        }

        bool head = Also.HasFlag(AlsoTrained.Head) || Modules.Any(name => Names(name, ModuleOf(HeadWeight)));
        if (head && config.TieEmbeddings)
        {
            throw new ArgumentException(
                "LoRA: the head of this model is its table of tokens (tie_word_embeddings); train the embeddings instead.");
        }

        if (Modules.FirstOrDefault(name => name.Length == 0 || !paths.Any(path => Names(name, path))) is { } none)
            throw new ArgumentException($"LoRA: this model has no module '{none}' that could be trained whole (modules_to_save).");
    }

    /// <summary>Whether a name of <see cref="Modules"/> stands for the module of a path.</summary>
    internal static bool Names(string name, string path) => path.EndsWith(name, StringComparison.Ordinal);

    /// <summary>The path of a parameter's module.</summary>
    internal static string ModuleOf(string parameter) => parameter[..parameter.LastIndexOf('.')];

    /// <summary>The paths of a model's modules that have a weight.</summary>
    internal static string[] Paths(TransformerConfig config)
    {
        const string Weight = ".weight";
        IEnumerable<string> weights = config.ParameterShapes().Select(p => p.Name)
            .Where(name => name.EndsWith(Weight, StringComparison.Ordinal));
        return [.. weights.Select(name => name[..^Weight.Length])];
    }

    // The value of the first pattern that matches, as PEFT does: the pattern is the path, or what follows a dot of it.
    private static T Of<T>(IReadOnlyDictionary<string, T> patterns, string path, T fallback)
    {
        foreach ((string pattern, T value) in patterns)
            if (Regex.IsMatch(path, $@"^(.*\.)?({pattern})$", RegexOptions.CultureInvariant, Patience)) return value;
        return fallback;
    }
}
