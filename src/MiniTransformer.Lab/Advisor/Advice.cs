namespace MiniTransformer.Lab;

/// <summary>What to do after SFT.</summary>
public enum AdviceAction
{
    /// <summary>Run DPR with <see cref="Advice.Reference"/> as π_ref.</summary>
    RunDpr,

    /// <summary>Go on with SFT on the same demonstrations.</summary>
    ContinueSft,

    /// <summary>Keep the SFT policy: nothing tried promises a gain.</summary>
    Stop,
}

/// <summary>What policies are scored by.</summary>
public enum AdviceScore
{
    /// <summary>The fraction of validation prompts whose greedy response is right.</summary>
    Accuracy,

    /// <summary>
    /// Mean log-likelihood of validation demonstrations, in nats a response. It rewards imitation of these demonstrations, faults included.
    /// Held out from the training data it therefore speaks against any policy that does better than its teachers: trust it only where the
    /// validation demonstrations are what the model should say, such as a checked set.
    /// </summary>
    LogLikelihood,
}

/// <summary>What was tried.</summary>
public enum AdvisedKind
{
    /// <summary>The SFT policy as it is.</summary>
    Sft,

    /// <summary>Extrapolated decoding with a candidate as reference: the free forecast of DPR.</summary>
    Reference,

    /// <summary>A short continued SFT.</summary>
    ContinuedSft,
}

/// <summary>One row of the advisor's table; plain numbers.</summary>
/// <param name="Kind">What was tried.</param>
/// <param name="Name">"SFT", the candidate reference's name, or "continued SFT".</param>
/// <param name="Score">Greedy accuracy, or log-likelihood in nats a response.</param>
/// <param name="Sampled">Accuracy of one response sampled at temperature 1; null by log-likelihood.</param>
/// <param name="Gain">Score minus SFT's.</param>
/// <param name="StandardError">Standard error of the gain, paired over the validation prompts: s/√n of the differences.</param>
/// <param name="SampledGain">Sampled minus SFT's; null by log-likelihood.</param>
public sealed record AdvisedPolicy(
    AdvisedKind Kind, string Name, double Score, double? Sampled, double Gain, double StandardError, double? SampledGain)
{
    /// <summary>α of a candidate's extrapolated decoding; null for the other rows.</summary>
    public double? Alpha { get; init; }

    /// <summary>Cases on which the score is higher than SFT's.</summary>
    public int Won { get; init; }

    /// <summary>Cases on which it is lower.</summary>
    public int Lost { get; init; }
}

/// <summary>What the advisor found and recommends; plain data, the same for the same models, prompts and seed.</summary>
/// <param name="Action">What to do.</param>
/// <param name="Reference">The reference to run DPR with; null for other actions.</param>
/// <param name="ExpectedGain">The score's gain over SFT that the action promises; 0 for stopping.</param>
/// <param name="ScoredBy">What the scores are.</param>
/// <param name="Cases">Validation prompts, or demonstrations.</param>
/// <param name="Threshold">The gain from which on an action is worth its cost.</param>
/// <param name="ContinuedSteps">Updates of the continued SFT; 0 if it was not tried.</param>
/// <param name="Policies">All rows: SFT, the candidates, continued SFT.</param>
public sealed record Advice(
    AdviceAction Action, string? Reference, double ExpectedGain, AdviceScore ScoredBy, int Cases, double Threshold, int ContinuedSteps,
    IReadOnlyList<AdvisedPolicy> Policies)
{
    /// <summary>What is counted where scores are accuracies: "accuracy", or what it is without right answers.</summary>
    public string Counted { get; init; } = "accuracy";

    /// <summary>The SFT policy.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public AdvisedPolicy Sft => Policies.First(p => p.Kind == AdvisedKind.Sft);

    /// <summary>The candidates, in the order in which they were given.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IEnumerable<AdvisedPolicy> Candidates => Policies.Where(p => p.Kind == AdvisedKind.Reference);

    /// <summary>The continued SFT, if it was tried.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public AdvisedPolicy? Continued => Policies.FirstOrDefault(p => p.Kind == AdvisedKind.ContinuedSft);

    /// <summary>The row that the action rests on; SFT's for stopping.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public AdvisedPolicy Chosen => Action switch
    {
        AdviceAction.RunDpr => Candidates.First(p => p.Name == Reference),
        AdviceAction.ContinueSft => Continued!,
        _ => Sft,
    };

    /// <summary>
    /// The rule: of the candidates, the one with the largest gain (the first of equals); DPR with it if its gain exceeds the threshold and
    /// continued SFT's gain is not larger; continued SFT if its gain is larger and exceeds the threshold; else stop.
    /// </summary>
    /// <param name="references">Candidates and their predicted gains.</param>
    /// <param name="continued">Continued SFT's gain; null if it was not tried.</param>
    /// <param name="threshold">The gain from which on an action is worth its cost.</param>
    public static (AdviceAction Action, string? Reference, double Gain) Decide(
        IReadOnlyList<(string Name, double Gain)> references, double? continued, double threshold)
    {
        (string? name, double gain) = references.Count > 0 ? references.MaxBy(r => r.Gain) : (null, double.NegativeInfinity);
        double other = continued ?? double.NegativeInfinity;
        return gain > threshold && gain >= other ? (AdviceAction.RunDpr, name, gain)
            : other > threshold ? (AdviceAction.ContinueSft, null, other)
            : (AdviceAction.Stop, null, 0);
    }
}
