using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>
/// Dense-Path REINFORCE (arXiv 2510.02493; step 10 of Theory/README.md):
/// g = E_{y~π_θ}[ Σ_t G_t ∇ log π_θ(a_t|s_t) ] − β ∇ KL(π_θ‖π_SFT),   G_t = Σ_{k≥t} γ^{k−t} r̂(s_k, a_k).
/// Any <see cref="ITokenReward"/> may stand for r̂. It leaves out a value network, clipped ratios and several passes over one rollout.
/// </summary>
public static class DensePathReinforce
{
    /// <summary>
    /// Improves the policy with the dense reward. Start it from a trainable copy of the expert; every element is one finished update.
    /// </summary>
    /// <param name="policy">π_θ, trained in place.</param>
    /// <param name="reward">The reward of each token, r̂ or another, with π_SFT as its expert.</param>
    /// <param name="prompts">Token ids of the prompts, the begin token included.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<DprStep> Train(
        Transformer policy, ITokenReward reward, IReadOnlyList<int[]> prompts, DprOptions options, AdamW? optimizer = null)
    {
        options.Validate();
        if (prompts.Count == 0) throw new ArgumentException("DPR: there are no prompts.");
        Rollout.CheckRoom(policy, reward, prompts);
        using AdamW? own = optimizer is null ? new AdamW(policy.Parameters, options.Optimizer) : null;
        optimizer ??= own!;
        optimizer.ClearGradients(); // of an update that was stopped
        var schedule = Schedule.Constant(options.LearningRate, options.WarmupUpdates);
        var order = new BatchOrder(prompts.Count, options.Seed);
        while (optimizer.Updates < options.Updates) yield return Update(policy, reward, prompts, order, schedule, options, optimizer);
    }

    private static DprStep Update(
        Transformer policy, ITokenReward reward, IReadOnlyList<int[]> prompts, BatchOrder order, Schedule schedule, DprOptions options,
        AdamW optimizer)
    {
        long begin = Stopwatch.GetTimestamp();
        int update = optimizer.Updates;

        // 1. Responses from the policy as it is, in pieces that are computed together.
        Example[] rollout = Rollout.Draw(policy, prompts, order, update, options, out double ended, reward.MaxPositions);
        var batch = MicroBatches.OfResponses(rollout, options.MicroBatchSize);
        int responses = rollout.Length, tokens = batch.TokenCount;

        // 2. Their dense reward, from the frozen expert and reference.
        using Tape frozen = Tape.NoGrad(policy.Device);
        ScoredPiece[] pieces = ScoredPiece.Score(frozen, reward, batch);
        float[] rewards = [.. pieces.SelectMany(p => p.Rewards)];
        if (options.ReferenceBeta > 0 && pieces[0].Reference is null)
            throw new ArgumentException($"DPR: β_ref is {options.ReferenceBeta}, but this reward has no reference to be near to; use r̂, "
                + "or leave β_ref at 0.");

        // 3. Returns and advantages over all: constants in the gradient.
        float[] shaped = [.. rewards];
        if (options.KlForm == KlForm.K1InReward)
        {
            for (int p = 0, i = 0; p < pieces.Length; p++)
            {
                TokenIds ids = frozen.Targets(pieces[p].Batch);
                float[] now = policy.Rows(frozen, pieces[p].Batch).LogProb(ids).ToArray(), then = pieces[p].Expert.LogProb(ids).ToArray();
                for (int j = 0; j < now.Length; j++, i++) shaped[i] -= (float)options.Beta * (now[j] - then[j]);
            }
        }

        float[] advantages = options.SentenceLevel
            ? Returns.WholePath(shaped, batch.Starts)
            : Returns.ToGo(shaped, batch.Starts, options.Gamma);
        if (options.Baseline == Baseline.PositionMean) advantages = Returns.MinusPositionMean(advantages, batch.Starts);
        double? rms = options.Whiten ? Returns.DivideByRms(advantages) : null;

        // 4. Loss per response token: −A log π_θ + β KL + β_ref KL_ref − bonus · H, piece by piece. All are divided by the same N.
        float perToken = 1f / tokens;
        double lossValue = 0, sumKl = 0, sumEntropy = 0;
        foreach (ScoredPiece piece in pieces)
        {
            using Tape tape = Tape.Record(policy.Device);
            TokenIds ids = tape.Targets(piece.Batch);
            PolicyRows expert = piece.Expert.On(tape);
            Tensor[] measured = policy.Rows(tape, piece.Batch).Measure(
                [RowMeasure.LogProb(ids), RowMeasure.Kl(expert), RowMeasure.Entropy,
                    .. options.ReferenceBeta > 0 ? [RowMeasure.Kl(piece.Reference!.On(tape))] : (RowMeasure[])[]]);
            (Tensor logProb, Tensor kl, Tensor entropy) = (measured[0], measured[1], measured[2]); // (N) each, nats at each visited state
            (sumKl, sumEntropy) = (sumKl + Sum(kl), sumEntropy + Sum(entropy));
            Tensor loss = logProb.WeightedSum(tape.Constant(advantages.AsSpan(piece.First, piece.Batch.N), logProb.Shape), -perToken);
            if (options.Beta > 0 && options.KlForm == KlForm.Exact) loss += kl.Sum().Scale((float)options.Beta * perToken);
            if (options.Beta > 0 && options.KlForm == KlForm.K3)
            {
                loss += K3(logProb, expert.LogProb(ids)).Scale((float)options.Beta * perToken);
            }
            if (options.ReferenceBeta > 0) loss += measured[3].Sum().Scale((float)options.ReferenceBeta * perToken);
            if (options.EntropyBonus > 0) loss += entropy.Sum().Scale(-(float)options.EntropyBonus * perToken);
            lossValue += loss.Item();
            tape.Backward(loss);
        }

        double meanKl = sumKl / responses, meanEntropy = sumEntropy / tokens;
        PolicyCollapseException.ThrowIfFar("DPR", update, meanKl, options.CollapseKl, "; with r̂ as reward, add a floor");
        double rate = schedule.At(update, options.Updates);
        double norm = optimizer.Step(rate);
        return new DprStep
        {
            Step = update + 1,
            Total = options.Updates,
            Loss = lossValue,
            GradientNorm = norm,
            LearningRate = rate,
            Tokens = tokens,
            Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds,
            Reward = rewards.Sum(r => (double)r) / responses,
            Kl = meanKl,
            Entropy = meanEntropy,
            Length = tokens / (double)responses,
            Ended = ended,
            AdvantageRms = rms,
        };
    }

    // Σ k3, k3 = ρ − 1 − log ρ, log ρ = log π_SFT − log π_θ (J. Schulman, "Approximating KL Divergence", 2020). The constant −1 has no
    // gradient and is left out of the loss.
    private static Tensor K3(Tensor logProb, Tensor expertLogProb)
    {
        Tensor logRatio = expertLogProb - logProb;
        return (logRatio.Exp() - logRatio).Sum();
    }

    private static double Sum(Tensor x) => x.ToArray().Sum(v => (double)v);
}
