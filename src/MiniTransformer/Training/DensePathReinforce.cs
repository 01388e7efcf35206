using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>How the policy is held near π_SFT.</summary>
public enum KlForm
{
    /// <summary>
    /// As a loss: the exact KL(π_θ(·|s) ‖ π_SFT(·|s)) over the whole vocabulary at each visited state. Its gradient holds each state's
    /// policy near π_SFT; it leaves out that earlier tokens choose the states that are visited.
    /// </summary>
    Exact,

    /// <summary>
    /// As a loss: the estimator k3 = ρ − 1 − log ρ, ρ = π_SFT/π_θ of the drawn token. Its value estimates the same divergence, but
    /// the gradient of a drawn k3 is on average that of the reverse one: E[∇k3] = −Σ_a π_SFT ∇ log π_θ = ∇KL(π_SFT(·|s) ‖ π_θ(·|s)).
    /// </summary>
    K3,

    /// <summary>In the reward: r̂ − β (log π_θ − log π_SFT), the estimator k1. On average this is the whole gradient of −β KL over sequences.</summary>
    K1InReward,
}

/// <summary>What is subtracted from the return.</summary>
public enum Baseline
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The batch's mean return at the same position.</summary>
    PositionMean,
}

/// <summary>The settings of <see cref="DensePathReinforce"/>; the defaults are those measured to work.</summary>
public sealed record DprOptions
{
    /// <summary>Updates of the policy.</summary>
    public int Updates { get; init; } = 50;

    /// <summary>Prompts, one response each, of an update.</summary>
    public int PromptsPerUpdate { get; init; } = 192;

    /// <summary>The learning rate; constant after the warm-up.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Updates of linear warm-up.</summary>
    public int WarmupUpdates { get; init; } = 10;

    /// <summary>Temperature of the sampling. The gradient is that of the policy at temperature 1, so 1 is on-policy.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>The longest response in tokens, the end token included.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Discount γ of the return-to-go.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>Every token gets the whole response's reward instead of its return-to-go.</summary>
    public bool SentenceLevel { get; init; }

    /// <summary>The baseline.</summary>
    public Baseline Baseline { get; init; } = Baseline.PositionMean;

    /// <summary>Divides advantages by their root mean square.</summary>
    public bool Whiten { get; init; } = true;

    /// <summary>Weight β of the KL to π_SFT.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>Form of the KL.</summary>
    public KlForm KlForm { get; init; } = KlForm.Exact;

    /// <summary>Weight of an entropy bonus.</summary>
    public double EntropyBonus { get; init; }

    /// <summary>Optimizer settings; no weight decay by default, which would pull away from π_SFT.</summary>
    public AdamWOptions Optimizer { get; init; } = new() { WeightDecay = 0 };

    /// <summary>Seed of the prompts' order and of the draws.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Stop when a response's mean KL to π_SFT exceeds this, in nats.</summary>
    public double CollapseKl { get; init; } = 30;

    /// <summary>The token that ends a response.</summary>
    public int EndId { get; init; } = Text.ByteTokenizer.End;

    /// <summary>The token that pads a batch.</summary>
    public int PadId { get; init; } = Text.ByteTokenizer.Pad;

    /// <summary>Throws if a setting is out of range.</summary>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Updates);
        ArgumentOutOfRangeException.ThrowIfLessThan(PromptsPerUpdate, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(WarmupUpdates);
        if (!(LearningRate > 0)) throw new ArgumentException($"The learning rate must be positive, not {LearningRate}.");
        if (!(Temperature > 0)) throw new ArgumentException($"DPR samples at a positive temperature, not {Temperature}.");
        if (!(Gamma >= 0 && Gamma <= 1)) throw new ArgumentException($"γ must be in [0, 1], not {Gamma}.");
        if (!(EntropyBonus >= 0)) throw new ArgumentException($"The entropy bonus must be 0 or more, not {EntropyBonus}.");
        if (!(CollapseKl > 0)) throw new ArgumentException($"The KL that counts as a collapse must be positive, not {CollapseKl}.");
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxTokens, 1);
        if (!(Beta >= 0)) throw new ArgumentException($"β must be 0 or more, not {Beta}.");
    }
}

/// <summary>The policy has left the region where the reward means anything; the last good weights are kept by the caller's checkpoints.</summary>
public sealed class PolicyCollapseException(string message) : Exception(message);

/// <summary>
/// Dense-Path REINFORCE (arXiv 2510.02493; step 10 of Theory/README.md):
/// g = E_{y~π_θ}[ Σ_t G_t ∇ log π_θ(a_t|s_t) ] − β ∇ KL(π_θ‖π_SFT),   G_t = Σ_{k≥t} γ^{k−t} r̂(s_k, a_k).
/// </summary>
public static class DensePathReinforce
{
    /// <summary>
    /// Improves the policy with the dense reward. Start it from a trainable copy of the expert; every element is one finished update.
    /// </summary>
    /// <param name="policy">π_θ, trained in place.</param>
    /// <param name="reward">r̂, with π_SFT as its expert.</param>
    /// <param name="prompts">Token ids of the prompts, the begin token included.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<DprStep> Train(
        Transformer policy, DenseReward reward, IReadOnlyList<int[]> prompts, DprOptions options, AdamW? optimizer = null)
    {
        options.Validate();
        if (prompts.Count == 0) throw new ArgumentException("DPR: there are no prompts.");
        using AdamW? own = optimizer is null ? new AdamW(policy.Parameters, options.Optimizer) : null;
        optimizer ??= own!;
        var schedule = Schedule.Constant(options.LearningRate, options.WarmupUpdates);
        var order = new BatchOrder(prompts.Count, options.Seed);
        while (optimizer.Updates < options.Updates) yield return Update(policy, reward, prompts, order, schedule, options, optimizer);
    }

    private static DprStep Update(
        Transformer policy, DenseReward reward, IReadOnlyList<int[]> prompts, BatchOrder order, Schedule schedule, DprOptions options, AdamW optimizer)
    {
        long begin = Stopwatch.GetTimestamp();
        int update = optimizer.Updates;

        // 1. Responses from the policy as it is.
        Example[] rollout = Rollout.Draw(policy, prompts, order, update, options, out double ended);
        var batch = new ResponseBatch(rollout, options.PadId);
        using Tape tape = Tape.Record(policy.Device);
        TokenIds tokens = tape.Targets(batch);

        // 2. Their dense reward, from the frozen expert and reference.
        Tensor expertLogits = reward.Expert.FrozenLogits(tape, batch);
        float[] rewards = reward.Score(tape, expertLogits, batch);

        // 3. log π_θ of the drawn tokens, with gradient.
        Tensor logits = policy.Logits(tape, batch); // (N, V)
        Tensor logProb = logits.GatherLogSoftmax(tokens); // (N)
        Tensor kl = logits.KlDivergence(expertLogits); // (N), nats at each visited state
        Tensor entropy = logits.Entropy();

        double meanKl = Sum(kl) / batch.B, meanEntropy = Sum(entropy) / batch.N;
        if (!(meanKl <= options.CollapseKl))
        {
            throw new PolicyCollapseException(
                $"DPR stopped before update {update + 1}: the policy is {meanKl:F1} nats a response away from π_SFT (limit {options.CollapseKl:F1}), " +
                "where r̂ no longer means anything. Raise β, lower the learning rate, make fewer updates, or add a floor to the reward.");
        }

        // 4. Returns and advantages: constants in the gradient.
        float[] shaped = [.. rewards];
        if (options.KlForm == KlForm.K1InReward)
        {
            float[] policyLogProb = logProb.ToArray(), expert = expertLogits.GatherLogSoftmax(tokens).ToArray();
            for (int i = 0; i < shaped.Length; i++) shaped[i] -= (float)options.Beta * (policyLogProb[i] - expert[i]);
        }

        float[] advantages = options.SentenceLevel ? Returns.WholePath(shaped, batch.Starts) : Returns.ToGo(shaped, batch.Starts, options.Gamma);
        if (options.Baseline == Baseline.PositionMean) advantages = Returns.MinusPositionMean(advantages, batch.Starts);
        if (options.Whiten) Returns.DivideByRms(advantages);

        // 5. Loss per response token: −A log π_θ + β KL − bonus · H. All three are divided by the same N.
        float perToken = 1f / batch.N;
        Tensor loss = logProb.WeightedSum(tape.Constant(advantages, logProb.Shape), -perToken);
        if (options.Beta > 0 && options.KlForm == KlForm.Exact) loss += kl.Sum().Scale((float)options.Beta * perToken);
        if (options.Beta > 0 && options.KlForm == KlForm.K3) loss += K3(logProb, expertLogits.GatherLogSoftmax(tokens)).Scale((float)options.Beta * perToken);
        if (options.EntropyBonus > 0) loss += entropy.Sum().Scale(-(float)options.EntropyBonus * perToken);
        double lossValue = loss.Item();
        tape.Backward(loss);

        double rate = schedule.At(update, options.Updates);
        double norm = optimizer.Step(rate);
        return new DprStep
        {
            Step = update + 1,
            Total = options.Updates,
            Loss = lossValue,
            GradientNorm = norm,
            LearningRate = rate,
            Tokens = batch.N,
            Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds,
            Reward = rewards.Sum(r => (double)r) / batch.B,
            Kl = meanKl,
            Entropy = meanEntropy,
            Length = batch.N / (double)batch.B,
            Ended = ended,
        };
    }

    // Σ k3, k3 = ρ − 1 − log ρ, log ρ = log π_SFT − log π_θ (J. Schulman, "Approximating KL Divergence", 2020). The constant −1 has no gradient
    // and is left out of the loss.
    private static Tensor K3(Tensor logProb, Tensor expertLogProb)
    {
        Tensor logRatio = expertLogProb - logProb;
        return (logRatio.Exp() - logRatio).Sum();
    }

    private static double Sum(Tensor x) => x.ToArray().Sum(v => (double)v);
}
