using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Text;

namespace MiniTransformer.Training;

/// <summary>
/// What the trainers that start from π_SFT have in common. They have the same budget and optimizer by default, 50 updates of at most 192
/// sequences, so that what they reach can be compared.
/// </summary>
public abstract record TuningOptions
{
    /// <summary>Updates of the policy.</summary>
    public int Updates { get; init; } = 50;

    /// <summary>The learning rate; constant after the warm-up.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Updates of linear warm-up.</summary>
    public int WarmupUpdates { get; init; } = 10;

    /// <summary>The longest response that is drawn, in tokens, the end token included.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>
    /// Sequences that are computed together, forward and backward; 0 means all of an update. The gradient is the same but for the order of
    /// its sums, the memory less.
    /// </summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Optimizer settings; no weight decay by default, which would pull away from π_SFT.</summary>
    public AdamWOptions Optimizer { get; init; } = new() { WeightDecay = 0 };

    /// <summary>Seed of the prompts' order and of the draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The tokens that end a response; null takes those of the policy's configuration.</summary>
    public EndTokens? Ends { get; init; }

    /// <summary>What ends the responses of a policy.</summary>
    /// <exception cref="ArgumentException">Neither these settings nor the policy's configuration say it.</exception>
    internal EndTokens EndsOf(Transformer policy) => Ends ?? (policy.Config.Ends is { Count: > 0 } own
        ? own
        : throw new ArgumentException(
            "Which token ends a response is not known: the policy's configuration names none (Ends, eos_token_id), and neither do the "
                + "options. "
            + "Set Ends; to EndTokens.None if every response is to run to MaxTokens."));

    /// <summary>Throws if a setting is out of range.</summary>
    public virtual void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Updates);
        ArgumentOutOfRangeException.ThrowIfNegative(WarmupUpdates);
        ArgumentOutOfRangeException.ThrowIfNegative(MicroBatchSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxTokens, 1);
        if (!(LearningRate > 0)) throw new ArgumentException($"The learning rate must be positive, not {LearningRate}.");
    }
}
