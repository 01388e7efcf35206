using System.Text.Json.Serialization;
using MiniTransformer.Lab;

namespace MiniTransformer.Cli.Runs;

/// <summary>Everything that is kept of one regime and seed.</summary>
/// <param name="Results">What the methods reached, in the order in which they were run.</param>
/// <param name="Facts">What is known of the world itself; null until it has been measured, and where it is not asked for.</param>
internal sealed record WorldResult([property: JsonPropertyName("cells")] List<MethodResult> Results, WorldFacts? Facts)
{
    /// <summary>Where it is kept, every update's numbers; else null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<Curve>? Curves { get; init; }

    /// <summary>With the curves: some held-out prompts with responses before and after DPR, scored token by token.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ScoredResponse>? Responses { get; init; }
}

/// <summary>A learning curve.</summary>
/// <param name="Stage">What was trained: "pretraining", "SFT" or a method.</param>
/// <param name="Quantity">loss, reward, kl, entropy, length; greedy and sampled for accuracy on validation prompts.</param>
/// <param name="X">Updates done.</param>
/// <param name="Y">Values.</param>
internal sealed record Curve(string Stage, string Quantity, List<double> X, List<double> Y);
