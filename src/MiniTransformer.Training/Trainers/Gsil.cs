using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>The settings of <see cref="Gsil"/>.</summary>
public sealed record GsilOptions : TuningOptions
{
    /// <summary>Pairs of an update, two sequences each.</summary>
    public int PairsPerUpdate { get; init; } = 96;

    /// <summary>ℓ₊ and ℓ₋.</summary>
    public DensityRatioLoss Ratio { get; init; } = DensityRatioLoss.Logistic;

    /// <summary>λ: scales the log-ratio.</summary>
    public double Lambda { get; init; } = 0.1;

    /// <summary>b: added to the scaled log-ratio; it moves where demonstrations and answers balance.</summary>
    public double Shift { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(PairsPerUpdate, 1);
        if (!(Lambda > 0)) throw new ArgumentException($"λ must be positive, not {Lambda}.");
        if (!double.IsFinite(Shift)) throw new ArgumentException($"The shift must be a number, not {Shift}.");
        if (!Enum.IsDefined(Ratio)) throw new ArgumentException($"There is no density-ratio loss {Ratio}.");
    }
}

/// <summary>
/// Generalised self-imitation learning (T. Xiao et al., "How to Leverage Demonstration Data in Alignment for Large Language Model? A
/// Self-Imitation Learning Perspective", EMNLP 2024, arXiv 2410.10093): the policy's log-ratio to π_t is itself the classifier that tells
/// demonstrations y from π_t's answers y′,
/// L = E[ ℓ₊(f(x, y)) ] + E[ ℓ₋(f(x, y′)) ],   f(x, y) = λ log(π_θ(y|x) / π_t(y|x)) + b.
/// Where <see cref="Spin"/> compares the two of a pair, each counts alone here. λ and b are those of the authors' code. One iteration,
/// answers drawn at every update. It leaves out weights between the two terms and further iterations.
/// </summary>
public static class Gsil
{
    /// <summary>Improves the policy in place. Start it from a trainable copy of π_t; every element is one finished update.</summary>
    /// <param name="policy">π_θ, trained in place.</param>
    /// <param name="previous">π_t: the policy as it was before, π_SFT.</param>
    /// <param name="opponent">Who answers beside the demonstrations: π_t again as in the paper, or the base model.</param>
    /// <param name="demonstrations">Prompts and the responses to imitate.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<GsilStep> Train(
        Transformer policy, Transformer previous, Transformer opponent, IReadOnlyList<Example> demonstrations, GsilOptions options,
        AdamW? optimizer = null)
    {
        options.Validate();
        if (demonstrations.Count == 0) throw new ArgumentException("GSIL: there are no demonstrations.");
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

                // 3. The loss, and its derivative to each sequence's log-ratio u:   f = λ u + b
                int n = logRatios.Length / 2;
                var slopes = new double[2 * n];
                for (int b = 0; b < slopes.Length; b++)
                {
                    double f = options.Lambda * logRatios[b] + options.Shift;
                    (double value, double slope) = b < n ? options.Ratio.Demonstration(f) : options.Ratio.Answer(f);
                    loss += value / all;
                    slopes[b] = options.Lambda * slope / all;
                }

                // 4. Its gradient by the chain rule.
                Pairs.Backward(tape, logProb, slopes, piece);
                ofDemonstrations.AddRange(logRatios[..n]);
                ofAnswers.AddRange(logRatios[n..]);
            }

            double rate = schedule.At(update, options.Updates);
            double norm = optimizer.Step(rate);
            yield return new GsilStep
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
