using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>The settings of <see cref="Spin"/>.</summary>
public sealed record SpinOptions : TuningOptions
{
    /// <summary>Pairs of an update, two sequences each.</summary>
    public int PairsPerUpdate { get; init; } = 96;

    /// <summary>λ: scales the margin in the logistic loss; the paper's is 0.1.</summary>
    public double Lambda { get; init; } = 0.1;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(PairsPerUpdate, 1);
        if (!(Lambda > 0)) throw new ArgumentException($"λ must be positive, not {Lambda}.");
    }
}

/// <summary>
/// Self-play fine-tuning (Z. Chen et al., "Self-Play Fine-Tuning Converts Weak Language Models to Strong Language Models",
/// arXiv 2401.01335): demonstrations y should gain on the answers y′ of the policy as it was,
/// L = E[ −log σ( λ (log π_θ(y|x)/π_t(y|x) − log π_θ(y′|x)/π_t(y′|x)) ) ].
/// With the base as opponent it contrasts what SFT moved away from. One iteration: for the next, call again with the result as π_t. The
/// answers are drawn at every update instead of once before. It leaves out the paper's other losses and its mixing of earlier iterations'
/// answers.
/// </summary>
public static class Spin
{
    /// <summary>Improves the policy in place. Start it from a trainable copy of π_t; every element is one finished update.</summary>
    /// <param name="policy">π_θ, trained in place.</param>
    /// <param name="previous">π_t: the policy as it was before, π_SFT.</param>
    /// <param name="opponent">Who answers beside the demonstrations: π_t again as in the paper, or the base model.</param>
    /// <param name="demonstrations">Prompts and the responses to imitate.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<SpinStep> Train(
        Transformer policy, Transformer previous, Transformer opponent, IReadOnlyList<Example> demonstrations, SpinOptions options,
        AdamW? optimizer = null)
    {
        options.Validate();
        if (demonstrations.Count == 0) throw new ArgumentException("SPIN: there are no demonstrations.");
        using AdamW? own = optimizer is null ? new AdamW(policy.Parameters, options.Optimizer) : null;
        optimizer ??= own!;
        optimizer.ClearGradients(); // of an update that was stopped
        var schedule = Schedule.Constant(options.LearningRate, options.WarmupUpdates);
        var order = new BatchOrder(demonstrations.Count, options.Seed);
        while (optimizer.Updates < options.Updates)
        {
            long begin = Stopwatch.GetTimestamp();
            int update = optimizer.Updates;

            // 1. Demonstrations y, and the opponent's answers y′ to the same prompts, in pieces.
            ResponseBatch[] pieces = Pairs.Draw(opponent, demonstrations, order, update, options.PairsPerUpdate, options,
                options.EndsOf(policy));
            int all = pieces.Sum(piece => piece.B) / 2;
            double loss = 0;
            List<double> ofDemonstrations = [], ofAnswers = [];
            foreach (ResponseBatch piece in pieces)
            {
                // 2. log π_θ(y|x) − log π_t(y|x) of whole responses.
                using Tape tape = Tape.Record(policy.Device);
                (double[] logRatios, Tensor logProb) = Pairs.Measure(tape, policy, previous, piece);

                // 3. The loss, and its derivative to each sequence's log-ratio u:   z = λ (u − u′),   ℓ(z) = −log σ(z) = log(1 + e⁻ᶻ),
                // ℓ′(z) = −σ(−z)
                int n = logRatios.Length / 2;
                var slopes = new double[2 * n];
                for (int i = 0; i < n; i++)
                {
                    double z = options.Lambda * (logRatios[i] - logRatios[n + i]);
                    loss += Logistic.Loss(z) / all;
                    slopes[i] = options.Lambda * Logistic.Slope(z) / all;
                    slopes[n + i] = -slopes[i];
                }

                // 4. Its gradient by the chain rule.
                Pairs.Backward(tape, logProb, slopes, piece);
                ofDemonstrations.AddRange(logRatios[..n]);
                ofAnswers.AddRange(logRatios[n..]);
            }

            double rate = schedule.At(update, options.Updates);
            double norm = optimizer.Step(rate);
            yield return new SpinStep
            {
                Step = update + 1,
                Total = options.Updates,
                Loss = loss,
                GradientNorm = norm,
                LearningRate = rate,
                Tokens = pieces.Sum(piece => piece.N),
                Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds,
                DemonstrationLogRatio = ofDemonstrations.Average(),
                AnswerLogRatio = ofAnswers.Average(),
                Ranked = Pairs.Ranked(ofDemonstrations, ofAnswers),
            };
        }
    }
}
