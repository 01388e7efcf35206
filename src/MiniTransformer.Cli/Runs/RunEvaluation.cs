using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Reports;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>How a run's policies are measured: the same prompts and draws at every point of the curve and for every policy of the table.</summary>
internal sealed class RunEvaluation
{
    /// <summary>An evaluation for a model of the given form.</summary>
    public RunEvaluation(RunData data, Vocabulary vocabulary, TransformerConfig config, ulong seed, int? maxTokens = null)
    {
        (Data, Vocabulary) = (data, vocabulary);
        int longestPrompt = data.Evaluation.Ids.Concat(data.Validation.Ids).Select(p => p.Length).DefaultIfEmpty(1).Max();
        Sampling = new SamplingOptions
        {
            MaxTokens = Math.Clamp(maxTokens ?? data.ResponseRoom, 1, Math.Max(1, config.MaxPositions - longestPrompt + 1)),
            Seed = NamedSeed.Of("evaluation", seed),
        };
    }

    /// <summary>The data.</summary>
    public RunData Data { get; }

    /// <summary>What ids mean.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>How responses are drawn.</summary>
    public SamplingOptions Sampling { get; }

    /// <summary>Refuses data that the model cannot hold.</summary>
    public static void CheckLength(RunData data, TransformerConfig config)
    {
        Demonstrations.FromExamples(data.Train).CheckLength(config.MaxPositions);
        Demonstrations.FromExamples(data.Evaluation.Examples).CheckLength(config.MaxPositions);
    }

    /// <summary>A point of the curves: accuracy on the validation prompts and, for own data, log π of the held-out completions.</summary>
    /// <returns>False if a stop ended it; the point is then missing, and a resumed run measures it first.</returns>
    public bool Point(Transformer policy, string phase, int step, MetricsLog metrics)
    {
        if (Data.Validation.Count == 0) return true;
        double greedy, sampled;
        try
        {
            greedy = Data.Validation.Accuracy(policy, Vocabulary, Sampling with { Temperature = 0 }).Total;
            sampled = Data.Validation.Accuracy(policy, Vocabulary, Sampling).Total;
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        double? logLikelihood = Data.Validation.LogLikelihood(policy, Vocabulary)?.PerToken;
        metrics.Append(new EvaluationPoint("evaluation", phase, step, Data.Validation.Count, greedy, sampled, -logLikelihood));
        return true;
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
internal sealed record EvaluationPoint(string Kind, string Phase, int Step, int Prompts, double Greedy, double Sampled, double? HeldOutLoss);
