using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>The settings of <see cref="Rloo"/>.</summary>
public sealed record RlooOptions : TuningOptions
{
    /// <summary>Prompts of an update.</summary>
    public int PromptsPerUpdate { get; init; } = 48;

    /// <summary>k: responses to each prompt.</summary>
    public int SamplesPerPrompt { get; init; } = 4;

    /// <summary>Divides advantages by their root mean square, so that β weighs as in DPR; false is the unbiased estimator.</summary>
    public bool Whiten { get; init; } = true;

    /// <summary>Weight β of the exact KL to π_SFT at visited states.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>Stop when a response's mean KL to π_SFT exceeds this, in nats.</summary>
    public double CollapseKl { get; init; } = 30;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(PromptsPerUpdate, 1);
        if (SamplesPerPrompt < 2)
        {
            throw new ArgumentException($"RLOO: a response is compared with the others to its prompt; {SamplesPerPrompt} a prompt leave "
                + "none, 2 are needed.");
        }
        if (!(Beta >= 0)) throw new ArgumentException($"β must be 0 or more, not {Beta}.");
        if (!(CollapseKl > 0)) throw new ArgumentException($"The KL that counts as a collapse must be positive, not {CollapseKl}.");
    }
}

/// <summary>
/// REINFORCE with a leave-one-out baseline (W. Kool et al., "Buy 4 REINFORCE samples, get a baseline for free!", 2019; A. Ahmadian et al.,
/// "Back to Basics", arXiv 2402.14740): k responses y_1 … y_k to each prompt,
/// g = E[ (1/k) Σ_i (R(y_i) − (1/(k−1)) Σ_{j≠i} R(y_j)) ∇ log π_θ(y_i|x) ] − β ∇ KL(π_θ‖π_SFT).
/// R is the sum of a response's token rewards: with a <see cref="JudgedReward"/> the verifier's score. It leaves out the papers' KL inside
/// the reward (here it is the exact one at visited states, as in DPR), discounts, and credit to single tokens.
/// </summary>
public static class Rloo
{
    /// <summary>Improves the policy in place. Start it from a trainable copy of the expert; every element is one finished update.</summary>
    /// <param name="policy">π_θ, trained in place.</param>
    /// <param name="reward">The reward, with π_SFT as its expert.</param>
    /// <param name="prompts">Token ids of the prompts, the begin token included.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<RlooStep> Train(
        Transformer policy, ITokenReward reward, IReadOnlyList<int[]> prompts, RlooOptions options, AdamW? optimizer = null)
    {
        options.Validate();
        if (prompts.Count == 0) throw new ArgumentException("RLOO: there are no prompts.");
        Rollout.CheckRoom(policy, reward, prompts);
        using AdamW? own = optimizer is null ? new AdamW(policy.Parameters, options.Optimizer) : null;
        optimizer ??= own!;
        optimizer.ClearGradients(); // of an update that was stopped
        var schedule = Schedule.Constant(options.LearningRate, options.WarmupUpdates);
        var order = new BatchOrder(prompts.Count, options.Seed);
        while (optimizer.Updates < options.Updates)
        {
            long begin = Stopwatch.GetTimestamp();
            int update = optimizer.Updates;

            // 1. k responses to each prompt, and the reward of each.
            Example[] rollout = Rollout.Draw(policy, prompts, order, update, options, out double ended, reward.MaxPositions);
            var batch = MicroBatches.OfResponses(rollout, options.MicroBatchSize);
            int responses = rollout.Length, tokens = batch.TokenCount;
            using Tape frozen = Tape.NoGrad(policy.Device);
            ScoredPiece[] pieces = ScoredPiece.Score(frozen, reward, batch);
            double[] rewards = Returns.Sums([.. pieces.SelectMany(p => p.Rewards)], batch.Starts); // (B)

            // 2. Advantages: the reward minus the mean of the other responses to the same prompt.
            float[] advantages = Returns.Spread(Returns.LeaveOneOut(rewards, options.SamplesPerPrompt), batch.Starts); // (N)
            if (options.Whiten) Returns.DivideByRms(advantages);

            // 3. Loss per response token, −A log π_θ + β KL, piece by piece.
            float perToken = 1f / tokens;
            double lossValue = 0, sumKl = 0, sumEntropy = 0;
            foreach (ScoredPiece piece in pieces)
            {
                using Tape tape = Tape.Record(policy.Device);
                Tensor[] measured = policy.Rows(tape, piece.Batch).Measure(
                    RowMeasure.LogProb(tape.Targets(piece.Batch)), RowMeasure.Kl(piece.Expert.On(tape)), RowMeasure.Entropy);
                (Tensor logProb, Tensor kl) = (measured[0], measured[1]); // (N) each, nats at each visited state
                sumKl += kl.ToArray().Sum(x => (double)x);
                sumEntropy += measured[2].ToArray().Sum(x => (double)x);
                Tensor loss = logProb.WeightedSum(tape.Constant(advantages.AsSpan(piece.First, piece.Batch.N), logProb.Shape), -perToken);
                if (options.Beta > 0) loss += kl.Sum().Scale((float)options.Beta * perToken);
                lossValue += loss.Item();
                tape.Backward(loss);
            }

            PolicyCollapseException.ThrowIfFar("RLOO", update, sumKl / responses, options.CollapseKl);
            double rate = schedule.At(update, options.Updates);
            double norm = optimizer.Step(rate);
            yield return new RlooStep
            {
                Step = update + 1,
                Total = options.Updates,
                Loss = lossValue,
                GradientNorm = norm,
                LearningRate = rate,
                Tokens = tokens,
                Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds,
                Reward = rewards.Average(),
                Kl = sumKl / responses,
                Entropy = sumEntropy / tokens,
                Length = tokens / (double)responses,
                Ended = ended,
            };
        }
    }
}
