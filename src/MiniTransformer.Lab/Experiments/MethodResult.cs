using System.Text.Json.Serialization;

namespace MiniTransformer.Lab;

/// <summary>
/// What one method reached in one regime and seed: a line of results.jsonl. NaN says that a quantity was not measured. Methods of the same
/// seed share data and base, and are compared as a pair.
/// </summary>
public sealed record MethodResult
{
    /// <summary>The regime.</summary>
    public required string Regime { get; init; }

    /// <summary>The seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The method, as tables print it.</summary>
    public required string Method { get; init; }

    /// <summary>What the method is in a comparison; files do not say it: whoever reads them has the methods.</summary>
    [JsonIgnore]
    public MethodRole Role { get; init; }

    /// <summary>The reference of r̂: "base", "10%", …; null where the method has none.</summary>
    public string? Reference { get; init; }

    /// <summary>The setting that a sweep varies, such as "β"; null where there is none.</summary>
    public string? Knob { get; init; }

    /// <summary>The setting's value.</summary>
    public double? Value { get; init; }

    /// <summary>Whether it belongs to a sweep, on seeds of its own: settings are chosen there, and methods compared at equal KL.</summary>
    public bool Sweep { get; init; }

    /// <summary>
    /// Whether the setting is the one that the sweep chose on validation prompts; where the default was chosen there is no such result.
    /// </summary>
    public bool Chosen { get; init; }

    /// <summary>Why there are no numbers, where the policy collapsed; null where there are.</summary>
    public string? Failure { get; init; }

    /// <summary>Accuracy on validation prompts: what choices are made by.</summary>
    public double ValidationGreedy { get; init; } = double.NaN;

    /// <summary>Sampled accuracy on validation prompts.</summary>
    public double ValidationSampled { get; init; } = double.NaN;

    /// <summary>Accuracy of the most probable tokens on evaluation prompts; NaN where the method only changes the sampling.</summary>
    public double Greedy { get; init; } = double.NaN;

    /// <summary>Accuracy of one sampled response.</summary>
    public double Sampled { get; init; } = double.NaN;

    /// <summary>Mean over sampled responses of Σ_t KL(π(·|s_t) ‖ π_SFT(·|s_t)), in nats.</summary>
    public double Kl { get; init; } = double.NaN;

    /// <summary>Mean Σ r̂ of the sampled responses relative to the regime's main reference, in nats.</summary>
    public double Reward { get; init; } = double.NaN;

    /// <summary>Mean entropy at visited states, in nats a token.</summary>
    public double Entropy { get; init; } = double.NaN;

    /// <summary>Mean length of sampled responses in tokens, the end token included.</summary>
    public double Length { get; init; } = double.NaN;

    /// <summary>Fraction of sampled responses that ended.</summary>
    public double Ended { get; init; } = double.NaN;

    /// <summary>
    /// Greedy and sampled responses that are wrong because nothing could be read in them; null where the judge does not say.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Unread { get; init; }

    /// <summary>Greedy and sampled responses that are wrong because the judge failed on them; null where the judge does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? JudgeFailed { get; init; }

    /// <summary>Greedy and sampled accuracy by task.</summary>
    public IReadOnlyDictionary<string, TaskAccuracy> Tasks { get; init; } = new Dictionary<string, TaskAccuracy>();

    /// <summary>Accuracy on validation prompts over the training, from the start on; empty where no curve is asked for.</summary>
    public IReadOnlyList<CurvePoint> Curve { get; init; } = [];

    /// <summary>Method, reference and setting: what distinguishes the methods of a world.</summary>
    [JsonIgnore]
    public string Label => LabelOf(Method, Reference, Knob, Value);

    internal static string LabelOf(string method, string? reference, string? knob, double? value) =>
        method + (reference is null ? "" : $", reference {reference}")
            + (knob is null ? "" : FormattableString.Invariant($", {knob} = {value}"));
}

/// <summary>A method's accuracy in one task.</summary>
/// <param name="Greedy">With the most probable tokens.</param>
/// <param name="Sampled">With sampled tokens.</param>
public sealed record TaskAccuracy(double Greedy, double Sampled);

/// <summary>A point of an accuracy curve, on validation prompts.</summary>
/// <param name="Step">Updates so far; 0 is where the training starts.</param>
/// <param name="Greedy">Accuracy of the most probable tokens.</param>
/// <param name="Sampled">Accuracy of one sampled response.</param>
public sealed record CurvePoint(int Step, double Greedy, double Sampled);
