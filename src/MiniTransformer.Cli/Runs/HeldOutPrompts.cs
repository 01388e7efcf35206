using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Prompts with a way to tell whether a response is right: a task's verifier, or the held-out completion of the user's own data.</summary>
internal sealed class HeldOutPrompts
{
    private readonly Func<SampledResponse[], Accuracy> judge;

    private HeldOutPrompts(int[][] ids, string[] texts, Example[] examples, string measure, Func<SampledResponse[], Accuracy> judge) =>
        (Ids, Texts, Examples, Measured, this.judge) = (ids, texts, examples, measure, judge);

    /// <summary>Token ids, the begin token included.</summary>
    public int[][] Ids { get; }

    /// <summary>The prompts as people read them.</summary>
    public string[] Texts { get; }

    /// <summary>The held-out examples of the user's own data; none for tasks.</summary>
    public Example[] Examples { get; }

    /// <summary>What accuracy means here: "Exact match", or the verifier's description.</summary>
    public string Measured { get; }

    /// <summary>The prompts with their places in the data.</summary>
    public Prompt[] Prompts => [.. Ids.Select((ids, i) => new Prompt(ids, Texts[i], Examples.Length > 0 ? Examples[i].Source : null))];

    /// <summary>Number of prompts.</summary>
    public int Count => Ids.Length;

    /// <summary>Prompts of tasks.</summary>
    public static HeldOutPrompts Of(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer) => new(
        [.. prompts.Select(p => p.Encode(tokenizer).Ids)], [.. prompts.Select(p => p.Text)], [], Exact,
        responses => Evaluation.Judge(prompts, responses, tokenizer));

    /// <summary>
    /// Held-out examples, judged by a verifier. The exact one takes the completion token for token, which needs no tokenizer; others judge the text of
    /// responses that ended.
    /// </summary>
    public static HeldOutPrompts Of(IReadOnlyList<Example> examples, Vocabulary vocabulary, IJudge verifier) => new(
        [.. examples.Select(e => e.PromptIds)], [.. examples.Select(e => e.Prompt ?? vocabulary.Show(e.PromptIds))], [.. examples],
        verifier is ExactJudge ? Exact : $"Accuracy by {verifier.Name}",
        responses => Training.Accuracy.Of(responses, verifier is ExactJudge
            ? [.. responses.Select((r, i) => vocabulary.Ends.SameResponse(r.Ids, examples[i].ResponseIds) ? 1.0 : 0)]
            : Scores(examples, responses, vocabulary, verifier)));

    /// <summary>Accuracy of one response to each prompt.</summary>
    public Accuracy Accuracy(Transformer model, Vocabulary vocabulary, SamplingOptions options) =>
        judge(Sampler.Generate(model, Ids, vocabulary.Ends, options));

    /// <summary>Which of the responses, one a prompt, are right.</summary>
    public Accuracy Judge(SampledResponse[] responses) => judge(responses);

    /// <summary>All measures of a policy.</summary>
    public Measurement Measure(Transformer model, DenseReward reward, Vocabulary vocabulary, SamplingOptions options) =>
        Evaluation.Measure(model, reward, Ids, judge, vocabulary.Ends, vocabulary.PadId, options);

    /// <summary>log π of the held-out completions that fit into the model's context, a response and a token; null for tasks.</summary>
    public (double PerResponse, double PerToken)? LogLikelihood(Transformer model, Vocabulary vocabulary)
    {
        Example[] fitting = Array.FindAll(Examples, e => e.Positions <= model.Config.MaxPositions);
        return fitting.Length == 0 ? null : Evaluation.LogLikelihood(model, fitting, vocabulary.PadId);
    }

    private const string Exact = "Exact match";

    private static double[] Scores(IReadOnlyList<Example> examples, SampledResponse[] responses, Vocabulary vocabulary, IJudge verifier)
    {
        ITokenizer tokenizer = vocabulary.Needed($"--verify {verifier.Name}: what a verifier judges");
        double[] scores = new double[responses.Length];
        var ended = new List<(int Index, Answer Answer)>();
        for (int i = 0; i < scores.Length; i++)
        {
            if (ResponseText.Of(responses[i].Ids, tokenizer) is not { } text) continue;
            Example e = examples[i];
            string? gold = e.Response ?? ResponseText.Of(e.ResponseIds, tokenizer);
            ended.Add((i, new Answer(e.Prompt ?? vocabulary.Show(e.PromptIds), text, gold, e.Pattern, e.Source)));
        }

        double[] given = verifier.Score([.. ended.Select(e => e.Answer)]);
        for (int i = 0; i < given.Length; i++) scores[ended[i].Index] = given[i];
        return scores;
    }
}
