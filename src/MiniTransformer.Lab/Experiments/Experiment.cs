using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>Something that happened in an <see cref="Experiment"/>, or in the preparation of its world.</summary>
public abstract record ExperimentEvent;

/// <summary>An update of one of the trainers.</summary>
/// <param name="Stage">What is being trained: "pretraining", "SFT" or a method's label.</param>
/// <param name="Step">The update.</param>
public sealed record StepDone(string Stage, TrainingStep Step) : ExperimentEvent;

/// <summary>A method has been trained and measured.</summary>
/// <param name="Method">The method.</param>
/// <param name="Result">The numbers.</param>
/// <param name="Evaluation">The same with the responses; null if the policy collapsed.</param>
public sealed record MethodDone(Method Method, MethodResult Result, Measurement? Evaluation) : ExperimentEvent;

/// <summary>
/// Methods run in one prepared world: each starts from the same weights, has the same number of training sequences, and is measured on
/// the same validation and evaluation prompts.
/// </summary>
public sealed class Experiment(World world)
{
    // Points of a curve after the first, and the validation prompts that they are measured on.
    private const int CurvePoints = 5, CurvePrompts = 200;

    /// <summary>Trains and measures a method; the last event is its <see cref="MethodDone"/>.</summary>
    /// <param name="method">The method.</param>
    /// <param name="curve">Whether its accuracy is followed during training.</param>
    public IEnumerable<ExperimentEvent> Run(Method method, bool curve = false)
    {
        using Transformer policy = method.StartOf(world).Clone(trainable: true);
        var points = new List<CurvePoint>();
        if (curve) points.Add(Point(0, policy));
        string? failure = null;
        using IEnumerator<TrainingStep> training = method.Train(world, policy).GetEnumerator();
        while (Next(training, out TrainingStep step, ref failure))
        {
            yield return new StepDone(method.Label, step);
            if (curve && step.Step * CurvePoints / step.Total > (step.Step - 1) * CurvePoints / step.Total)
            {
                points.Add(Point(step.Step, policy));
            }
        }

        yield return failure is null
            ? Measure(method, method.PolicyOf(world, policy), points)
            : new MethodDone(method, Unmeasured(method) with { Failure = failure }, null);
    }

    private static bool Next(IEnumerator<TrainingStep> training, out TrainingStep step, ref string? failure)
    {
        step = null!;
        try
        {
            if (!training.MoveNext()) return false;
            step = training.Current;
            return true;
        }
        catch (Exception e) when (e is PolicyCollapseException or ArithmeticException)
        {
            failure = e.Message;
            return false;
        }
    }

    private CurvePoint Point(int step, Transformer policy)
    {
        var prompts = world.Data.Validation.Take(CurvePrompts).ToArray();
        return new CurvePoint(
            step, Evaluation.Accuracy(policy, prompts, world.Tokenizer, Sampling("validation") with { Temperature = 0 }).Total,
            Evaluation.Accuracy(policy, prompts, world.Tokenizer, Sampling("validation")).Total);
    }

    private MethodDone Measure(Method method, Policy policy, List<CurvePoint> curve)
    {
        DenseReward reward = world.Reward(world.Regime.MainReference);
        SamplingOptions sampling = Sampling("evaluation") with { Temperature = method.Temperature };
        JudgeTally? tally = world.Regime.Own?.Log?.Begin();
        Measurement m = Evaluation.Measure(policy, reward, world.Data.Evaluation, world.Tokenizer, sampling);
        (int? unread, int? failed) = (tally?.Unread, tally?.Failed);
        SamplingOptions onValidation = Sampling("validation") with { Temperature = method.Temperature };
        MethodResult result = Unmeasured(method) with
        {
            ValidationGreedy = Evaluation.Accuracy(policy, world.Data.Validation, world.Tokenizer,
                onValidation with { Temperature = 0 }).Total,
            ValidationSampled = Evaluation.Accuracy(policy, world.Data.Validation, world.Tokenizer, onValidation).Total,
            Greedy = method.Temperature == 1 ? m.Greedy.Total : double.NaN, // the most probable token is that of any temperature
            Sampled = m.Sampled.Total,
            Kl = m.Kl,
            Reward = m.Reward,
            Entropy = m.Entropy,
            Length = m.Length,
            Ended = m.Ended,
            Unread = unread,
            JudgeFailed = failed,
            Tasks = m.Greedy.PerTask.ToDictionary(t => t.Key, t =>
                new TaskAccuracy(method.Temperature == 1 ? t.Value : double.NaN, m.Sampled.PerTask[t.Key])),
            Curve = curve,
        };
        return new MethodDone(method, result, m);
    }

    private MethodResult Unmeasured(Method method) => new()
    {
        Regime = world.Regime.Name,
        Seed = world.Seed,
        Method = method.Name,
        Role = method.Role,
        Reference = method.Reference,
        Knob = method.Knob,
        Value = method.Value,
    };

    private SamplingOptions Sampling(string use) => new() { MaxTokens = world.Regime.Dpr.MaxTokens, Seed = world.SeedOf(use) };
}
