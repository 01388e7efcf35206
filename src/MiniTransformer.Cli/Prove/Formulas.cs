using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Prove;

/// <summary>A loss of a batch from a policy's rows, times one over the response tokens that it is divided by.</summary>
internal delegate Tensor Loss(Tape tape, PolicyRows policy, ResponseBatch batch, float scale);

/// <summary>What is verified: the very functions that training calls. A wrong one in their place has to be found out.</summary>
internal sealed record Formulas
{
    /// <summary>Minus the objective of inverse soft-Q learning, φ linear, γ = 1.</summary>
    public Loss InverseQ { get; init; } = new Objective(ObjectiveKind.InverseQ).Loss;

    /// <summary>The token cross-entropy of SFT.</summary>
    public Loss Sft { get; init; } = new Objective().Loss;

    /// <summary>The recovered rewards.</summary>
    public Func<DenseReward, ResponseBatch, RecoveredRewards> Recover { get; init; } = (reward, batch) => reward.Recover(batch);

    /// <summary>The return to go.</summary>
    public Func<float[], int[], double, float[]> ToGo { get; init; } = (rewards, starts, gamma) => Returns.ToGo(rewards, starts, gamma);

    /// <summary>KL of each state's policies from rows of logits, by the op that a policy's rows call.</summary>
    public Func<Tensor, Tensor, Tensor> Kl { get; init; } = (logits, reference) => logits.KlDivergence(reference);

    /// <summary>Settings of the reinforcement whose estimate is judged.</summary>
    public DprOptions Reinforcement { get; init; } = new();
}
