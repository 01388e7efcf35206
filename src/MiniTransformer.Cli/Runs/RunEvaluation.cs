using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// How a run's policies are measured: the same prompts and draws at every point of the curve and for every policy of the table.
/// </summary>
internal sealed class RunEvaluation
{
    /// <summary>
    /// An evaluation; a response may have as many tokens as are given, or as the data need, and as its prompt leaves room for.
    /// </summary>
    public RunEvaluation(RunData data, Vocabulary vocabulary, ulong seed, int? maxTokens = null)
    {
        (Data, Vocabulary) = (data, vocabulary);
        Sampling = new SamplingOptions { MaxTokens = maxTokens ?? data.ResponseRoom, Seed = NamedSeed.Of("evaluation", seed) };
    }

    /// <summary>The data.</summary>
    public RunData Data { get; }

    /// <summary>What ids mean.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>How responses are drawn.</summary>
    public SamplingOptions Sampling { get; }

    /// <summary>Names the prompts that the model has no room to answer.</summary>
    public static void NameTooLong(HeldOutPrompts prompts, TransformerConfig config, Action<string> say)
    {
        if (PromptRoom.TooLong(prompts.Prompts, config.MaxPositions) is { } sentence)
        {
            say($"{sentence} They are not answered, which counts as wrong.");
        }
    }

    /// <summary>Refuses data that the model cannot hold.</summary>
    public static void CheckLength(RunData data, TransformerConfig config)
    {
        Demonstrations.FromExamples(data.Train).CheckLength(config.MaxPositions);
        Demonstrations.FromExamples(data.Evaluation.Examples).CheckLength(config.MaxPositions);
    }

    /// <summary>A point of the curves: accuracy on the validation prompts and, for own data, log π of the held-out completions.</summary>
    public void Point(Transformer policy, string phase, int step, MetricsLog metrics, ITrack track)
    {
        if (Data.Validation.Count == 0) return;
        SamplingOptions sampling = new Measuring(track, () => step, "accuracy").Shown(Sampling);
        double greedy = Data.Validation.Accuracy(policy, Vocabulary, sampling with { Temperature = 0 }).Total;
        double sampled = Data.Validation.Accuracy(policy, Vocabulary, sampling).Total;
        double? logLikelihood = Data.Validation.LogLikelihood(policy, Vocabulary)?.PerToken;
        metrics.Append(new EvaluationPoint(EvaluationPoint.KindName, phase, step, Data.Validation.Count, greedy, sampled, -logLikelihood));
    }
}

/// <summary>A line of metrics.jsonl about held-out prompts.</summary>
/// <param name="Kind">Always "evaluation".</param>
/// <param name="Phase">"sft" or "dpr".</param>
/// <param name="Step">Updates done.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Greedy">Accuracy of the most probable tokens.</param>
/// <param name="Sampled">Accuracy of one sampled response.</param>
/// <param name="HeldOutLoss">Own data: −log π of the held-out completions, in nats a token.</param>
internal sealed record EvaluationPoint(string Kind, string Phase, int Step, int Prompts, double Greedy, double Sampled, double? HeldOutLoss)
{
    /// <summary>The kind of all of them.</summary>
    public const string KindName = "evaluation";
}
