
namespace MiniTransformer.Lab;

/// <summary>
/// What one arm (a method with its settings) reached on held-out prompts in one seed. NaN says that a quantity was not measured.
/// </summary>
/// <param name="Arm">The arm's name, as tables print it.</param>
/// <param name="Seed">The seed: arms of the same seed share data and base model, and are compared as a pair.</param>
/// <param name="GreedyAccuracy">Fraction of prompts answered exactly right with the most probable token at each position.</param>
/// <param name="SampledAccuracy">The same with sampled tokens.</param>
/// <param name="Reward">Mean reward of a response, Σ r̂, in nats.</param>
/// <param name="Kl">KL(π‖π_SFT) of a response, in nats.</param>
/// <param name="Entropy">Mean entropy of the policy, in nats a token.</param>
/// <param name="Length">Mean response length, in tokens.</param>
/// <param name="EndedFraction">Fraction of responses that ended with the end token.</param>
/// <param name="PerTask">Greedy and sampled accuracy for each task.</param>
public sealed record ArmResult(
    string Arm,
    ulong Seed,
    double GreedyAccuracy,
    double SampledAccuracy,
    double Reward,
    double Kl,
    double Entropy,
    double Length,
    double EndedFraction,
    IReadOnlyDictionary<string, (double Greedy, double Sampled)> PerTask)
{
    /// <summary>The result of a cell, under the method's label.</summary>
    public static ArmResult Of(CellResult cell) => new(
        cell.Label, cell.Seed, cell.Greedy, cell.Sampled, cell.Reward, cell.Kl, cell.Entropy, cell.Length, cell.Ended,
        cell.Tasks.ToDictionary(t => t.Key, t => (t.Value.Greedy, t.Value.Sampled)));
}
