using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Prompts with a way to tell whether a response is right: a task's verifier, or the held-out completion of the user's own data.</summary>
internal sealed class HeldOutPrompts
{
    private readonly Func<SampledResponse[], Accuracy> judge;

    private HeldOutPrompts(int[][] ids, string[] texts, Example[] examples, Func<SampledResponse[], Accuracy> judge) =>
        (Ids, Texts, Examples, this.judge) = (ids, texts, examples, judge);

    /// <summary>Token ids, the begin token included.</summary>
    public int[][] Ids { get; }

    /// <summary>The prompts as people read them.</summary>
    public string[] Texts { get; }

    /// <summary>The held-out examples of the user's own data; none for tasks.</summary>
    public Example[] Examples { get; }

    /// <summary>Number of prompts.</summary>
    public int Count => Ids.Length;

    /// <summary>Prompts of tasks.</summary>
    public static HeldOutPrompts Of(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer) => new(
        [.. prompts.Select(p => p.Encode(tokenizer).Ids)], [.. prompts.Select(p => p.Text)], [],
        responses => Evaluation.Judge(prompts, responses, tokenizer));

    /// <summary>Held-out examples: a response is right if it is the completion, token for token.</summary>
    public static HeldOutPrompts Of(IReadOnlyList<Example> examples, Vocabulary vocabulary) => new(
        [.. examples.Select(e => e.PromptIds)], [.. examples.Select(e => e.Prompt ?? vocabulary.Show(e.PromptIds))], [.. examples],
        responses =>
        {
            bool[] right = [.. responses.Select((r, i) => r.Ids.AsSpan().SequenceEqual(examples[i].ResponseIds))];
            return new Accuracy(right.Count(r => r) / (double)right.Length, new Dictionary<string, double>(), responses, right);
        });

    /// <summary>Accuracy of one response to each prompt.</summary>
    public Accuracy Accuracy(Transformer model, Vocabulary vocabulary, SamplingOptions options) =>
        judge(Sampler.Generate(model, Ids, vocabulary.EndId, options));

    /// <summary>All measures of a policy.</summary>
    public Measurement Measure(Transformer model, DenseReward reward, Vocabulary vocabulary, SamplingOptions options) =>
        Evaluation.Measure(model, reward, Ids, judge, vocabulary.EndId, vocabulary.PadId, options);

    /// <summary>log π of the held-out completions, a response and a token; null for tasks.</summary>
    public (double PerResponse, double PerToken)? LogLikelihood(Transformer model, Vocabulary vocabulary) =>
        Examples.Length == 0 ? null : Evaluation.LogLikelihood(model, Examples, vocabulary.PadId);
}
