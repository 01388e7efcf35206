using MiniTransformer.Optim;

namespace MiniTransformer.Training;

/// <summary>
/// What the trainers that start from π_SFT have in common. They have the same budget and optimizer by default, 50 updates of 192 sequences, so that
/// what they reach can be compared.
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

    /// <summary>Optimizer settings; no weight decay by default, which would pull away from π_SFT.</summary>
    public AdamWOptions Optimizer { get; init; } = new() { WeightDecay = 0 };

    /// <summary>Seed of the prompts' order and of the draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The token that ends a response.</summary>
    public int EndId { get; init; } = Text.ByteTokenizer.End;

    /// <summary>The token that pads a batch.</summary>
    public int PadId { get; init; } = Text.ByteTokenizer.Pad;

    /// <summary>Throws if a setting is out of range.</summary>
    public virtual void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Updates);
        ArgumentOutOfRangeException.ThrowIfNegative(WarmupUpdates);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxTokens, 1);
        if (!(LearningRate > 0)) throw new ArgumentException($"The learning rate must be positive, not {LearningRate}.");
    }
}
