using System.Diagnostics;
using MiniTransformer.Autograd;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;

namespace MiniTransformer.Training;

/// <summary>The settings of <see cref="Sft"/>.</summary>
public sealed record SftOptions
{
    /// <summary>Passes over the demonstrations; counts if <see cref="Steps"/> is 0.</summary>
    public double Epochs { get; init; } = 1;

    /// <summary>Updates; 0 means as many as <see cref="Epochs"/> needs.</summary>
    public int Steps { get; init; }

    /// <summary>Demonstrations of an update.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Demonstrations that are computed together; 0 means the whole batch. The gradient is the same, the memory less.</summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 3e-4;

    /// <summary>Steps of linear warm-up; −1 means min(50, steps/5).</summary>
    public int WarmupSteps { get; init; } = -1;

    /// <summary>
    /// What the learning rate falls towards along a cosine, as a fraction of the peak; the step after the last would have it. 1 is a
    /// constant rate.
    /// </summary>
    public double FinalFraction { get; init; } = 0.02;

    /// <summary>
    /// Fractions of the training samples at which <see cref="SftStep.KeepAt"/> asks for a checkpoint; the paper's reference is 0.5.
    /// </summary>
    public IReadOnlyList<double> KeepAt { get; init; } = [0.5];

    /// <summary>False takes the demonstrations in their order: for data that improves over time.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Seed of the order.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>What is maximised.</summary>
    public Objective Objective { get; init; } = new();

    /// <summary>Optimizer settings.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>
    /// Updates of a run over the given number of demonstrations; a whole epoch has ⌈demonstrations / batch⌉, so that every one is seen.
    /// </summary>
    public int StepsFor(int demonstrations) =>
        Steps > 0 ? Steps : Math.Max(1, (int)Math.Round(Epochs * new BatchOrder(demonstrations, Seed).StepsPerEpoch(BatchSize)));

    /// <summary>The learning rate's course over a run of the given length.</summary>
    public Schedule ScheduleFor(int steps) =>
        Schedule.Cosine(LearningRate, WarmupSteps >= 0 ? WarmupSteps : Math.Min(50, steps / 5), FinalFraction);

    /// <summary>Throws if a setting is out of range.</summary>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Steps);
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(MicroBatchSize);
        if (Steps == 0 && !(Epochs > 0)) throw new ArgumentException($"Epochs must be positive, not {Epochs}.");
        if (!(LearningRate > 0)) throw new ArgumentException($"The learning rate must be positive, not {LearningRate}.");
        if (KeepAt.Any(f => !(f > 0 && f <= 1))) throw new ArgumentException("KeepAt: fractions lie in (0, 1].");
        Objective.Validate();
    }
}

/// <summary>
/// Supervised fine-tuning: maximises Σ log π(a_t|s_t) over the response tokens of demonstrations, the end token included. The loss is
/// the sum over an update's response tokens divided by their number, however the update is cut into micro-batches.
/// </summary>
public static class Sft
{
    /// <summary>Trains the policy in place; every element is one finished update.</summary>
    /// <param name="policy">The model, from random weights or from a base.</param>
    /// <param name="demonstrations">What to imitate.</param>
    /// <param name="options">Settings.</param>
    /// <param name="optimizer">The optimizer of a run to be continued: its number of updates says where to go on.</param>
    public static IEnumerable<SftStep> Train(
        Transformer policy, IReadOnlyList<Example> demonstrations, SftOptions options, AdamW? optimizer = null)
    {
        options.Validate();
        if (demonstrations.Count == 0) throw new ArgumentException("SFT: there are no demonstrations.");
        using AdamW? own = optimizer is null ? new AdamW(policy.Parameters, options.Optimizer) : null;
        optimizer ??= own!;
        optimizer.ClearGradients(); // of an update that was stopped
        int total = options.StepsFor(demonstrations.Count);
        Schedule schedule = options.ScheduleFor(total);
        var order = new BatchOrder(demonstrations.Count, options.Seed, inOrder: !options.Shuffle);
        while (optimizer.Updates < total)
        {
            long begin = Stopwatch.GetTimestamp();
            int step = optimizer.Updates;
            Example[] examples = [.. order.IndicesOf(step, options.BatchSize).Select(i => demonstrations[i])];

            // One number divides the whole update's loss, so that micro-batches of different length weigh as in one batch.
            var batches = new MicroBatches(examples, options.MicroBatchSize == 0 ? examples.Length : options.MicroBatchSize);
            int tokens = batches.TokenCount;
            double loss = 0;
            foreach (ResponseBatch batch in batches.Pieces)
            {
                using Tape tape = Tape.Record(policy.Device);
                Tensor batchLoss = options.Objective.Loss(tape, policy.Rows(tape, batch), batch, 1f / tokens);
                tape.Backward(batchLoss);
                loss += batchLoss.Item();
            }

            if (step == 0 && !double.IsFinite(loss)) throw new LogitsException("the model that SFT starts from");
            double rate = schedule.At(step, total);
            double norm = optimizer.Step(rate);
            double fraction = (step + 1) / (double)total, before = step / (double)total;
            double[] reached = [.. options.KeepAt.Where(f => f > before + 1e-12 && f <= fraction + 1e-12)];
            yield return new SftStep
            {
                Step = step + 1,
                Total = total,
                Loss = loss,
                GradientNorm = norm,
                LearningRate = rate,
                Tokens = tokens,
                Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds,
                Fraction = fraction,
                KeepAt = reached.Length > 0 ? reached.Max() : null,
            };
        }
    }
}
