namespace MiniTransformer.Lab;

/// <summary>What the advisor predicted in one regime and seed, and what came of it.</summary>
/// <param name="Regime">The regime.</param>
/// <param name="Seed">The seed.</param>
/// <param name="References">Each candidate reference: the predicted gain, and the gain over SFT that DPR with it reached on held-out
/// prompts.</param>
/// <param name="Continued">Continued SFT's predicted and reached gain; null where it was not run.</param>
public sealed record AdvisorRecord(string Regime, ulong Seed, IReadOnlyList<AdvisedGain> References, AdvisedGain? Continued = null);

/// <summary>A predicted gain over SFT and the one that was reached, both in greedy accuracy.</summary>
/// <param name="Name">The reference, or "continued SFT".</param>
/// <param name="Predicted">On validation prompts, before training.</param>
/// <param name="Realised">On held-out prompts, after training.</param>
public sealed record AdvisedGain(string Name, double Predicted, double Realised);
