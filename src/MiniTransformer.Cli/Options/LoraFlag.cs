using System.Globalization;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;

namespace MiniTransformer.Cli.Options;

/// <summary>What --lora and --trainable say: r=16,alpha=32,targets=q,k,v,o,gate,up,down,rslora and norms,embeddings,head,all.</summary>
internal static class LoraFlag
{
    private static readonly Dictionary<string, string> Projections = LoraOptions.Projections.ToDictionary(p => p[..^"_proj".Length]);

    /// <summary>The options.</summary>
    /// <param name="text">Of --lora.</param>
    /// <param name="trainable">Of --trainable.</param>
    /// <exception cref="UsageException">A part is not known.</exception>
    public static LoraOptions Parse(string text, string? trainable)
    {
        int rank = 16;
        double? alpha = null;
        bool stabilised = false, naming = false;
        var targets = new List<string>();
        var given = new HashSet<string>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = part.Split('=', 2);
            bool named = pair.Length == 2;
            if (named) naming = pair[0] == "targets";
            if ((named || pair[0] == "rslora") && !given.Add(pair[0])) throw new UsageException($"--lora: {pair[0]} is given twice.");
            switch (pair[0])
            {
                case "r" when named && int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out rank) && rank > 0: break;
                case "alpha" when named && double.TryParse(pair[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double a)
                    && a > 0 && double.IsFinite(a):
                    alpha = a; break;
                case "rslora" when !named || pair[1] is "true" or "false": stabilised = !named || pair[1] == "true"; break;
                case "all" when !named: targets.Add("all"); break;
                case "targets" when named: targets.AddRange(pair[1].Split('+').Select(Target)); break;
                case var name when !named && naming: targets.AddRange(name.Split('+').Select(Target)); break;
                default:
                    throw new UsageException($"--lora: '{part}' is not known; it is r=16,alpha=32,targets=q,k,v,o,gate,up,down (or "
                    + "all), and rslora, in any order.");
            }
        }

        if (given.Count == 0 && targets.Count == 0) throw new UsageException("--lora is empty; give at least the rank, such as r=16.");
        return new LoraOptions
        {
            Rank = rank,
            Alpha = alpha ?? 2 * rank,
            RankStabilised = stabilised,
            Targets = targets.Count == 0 || targets.Contains("all") ? LoraOptions.Projections : [.. targets.Distinct()],
            Also = (trainable ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Aggregate(AlsoTrained.Nothing, (all, name) => all | Named(name)),
        };
    }

    /// <summary>Whether two options are the same.</summary>
    public static bool Same(LoraOptions a, LoraOptions b) =>
        (a.Rank, a.Alpha, a.RankStabilised, a.Also) == (b.Rank, b.Alpha, b.RankStabilised, b.Also) && a.Ranks.Count == 0
            && a.Alphas.Count == 0 && a.Modules.SequenceEqual(b.Modules)
        && a.Targets.Order(StringComparer.Ordinal).SequenceEqual(b.Targets.Order(StringComparer.Ordinal));

    private static string Target(string name) =>
        name == "all" ? name : Projections.GetValueOrDefault(name) ?? (LoraOptions.Projections.Contains(name) ? name
            : throw new UsageException($"--lora: '{name}' is no target; there are {string.Join(", ", Projections.Keys)}, and all."));

    private static AlsoTrained Named(string name) => name switch
    {
        "norms" => AlsoTrained.Norms,
        "embeddings" => AlsoTrained.Embeddings,
        "head" => AlsoTrained.Head,
        "all" => AlsoTrained.All,
        _ => throw new UsageException($"--trainable: '{name}' is not known; there are norms, embeddings, head and all."),
    };
}
