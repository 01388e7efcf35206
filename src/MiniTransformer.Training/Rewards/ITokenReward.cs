using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;

namespace MiniTransformer.Training;

/// <summary>A reward for each token of a response: what <see cref="DensePathReinforce"/> and <see cref="Rloo"/> maximise.</summary>
public interface ITokenReward
{
    /// <summary>π_SFT, near which the policy is held.</summary>
    Transformer Expert { get; }

    /// <summary>The longest sequence, in positions, that can be scored.</summary>
    int MaxPositions => Expert.Config.MaxPositions;

    /// <summary>The rewards of a batch of responses.</summary>
    /// <param name="tape">The step; whatever is computed here takes no gradient.</param>
    /// <param name="expert">π_SFT at the batch's response tokens.</param>
    /// <param name="batch">The responses, N tokens in all.</param>
    TokenRewards Score(Tape tape, PolicyRows expert, ResponseBatch batch);
}

/// <summary>The rewards of a batch's response tokens, in the order of <see cref="ResponseBatch.Targets"/>.</summary>
/// <param name="Values">One value a token, (N).</param>
/// <param name="Reference">π_ref at the same tokens, a constant; null if the reward has no reference.</param>
public readonly record struct TokenRewards(float[] Values, PolicyRows? Reference = null);
