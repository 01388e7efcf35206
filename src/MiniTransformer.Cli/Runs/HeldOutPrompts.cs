using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Judges;
using MiniTransformer.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// Prompts with a way to tell whether a response is right: a task's verifier, or the held-out completion of the user's own data.
/// </summary>
internal sealed class HeldOutPrompts
{
    // Right answers that a command is asked about before anything is trained; other judges are asked about all.
    private const int FirstOfCommand = 3;

    private readonly Func<SampledResponse[], Accuracy> judge;

    private HeldOutPrompts(int[][] ids, string[] texts, Example[] examples, string measured, bool isAccuracy,
        Func<SampledResponse[], Accuracy> judge) =>
        (Ids, Texts, Examples, Measured, IsAccuracy, this.judge) = (ids, texts, examples,
            $"{char.ToUpperInvariant(measured[0])}{measured[1..]}", isAccuracy, judge);

    /// <summary>Token ids, the begin token included.</summary>
    public int[][] Ids { get; }

    /// <summary>The prompts as people read them.</summary>
    public string[] Texts { get; }

    /// <summary>The held-out examples of the user's own data; none for tasks.</summary>
    public Example[] Examples { get; }

    /// <summary>What accuracy means here, in a few words, see <see cref="Judges.Judge.Measured"/>.</summary>
    public string Measured { get; }

    /// <summary>Whether it is an accuracy, and not agreement with demonstrations that may be wrong themselves.</summary>
    public bool IsAccuracy { get; }

    /// <summary>"accuracy", or what it is in its place.</summary>
    public string Counted => IsAccuracy ? "accuracy" : "agreement with the demonstrations";

    /// <summary>The prompts with their places in the data.</summary>
    public Prompt[] Prompts => [.. Ids.Select((ids, i) => new Prompt(ids, Texts[i], Examples.Length > 0 ? Examples[i].Source : null))];

    /// <summary>Number of prompts.</summary>
    public int Count => Ids.Length;

    /// <summary>Prompts of tasks.</summary>
    public static HeldOutPrompts Of(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer) => new(
        [.. prompts.Select(p => p.Encode(tokenizer).Ids)], [.. prompts.Select(p => p.Text)], [], "exact match", isAccuracy: true,
        responses => Evaluation.Judge(prompts, responses, tokenizer));

    /// <summary>
    /// Held-out examples, judged by a verifier. Without right answers apart from the completions the exact one takes the completion token
    /// for token, which needs no tokenizer; else the text of responses that ended is judged.
    /// </summary>
    /// <param name="examples">The examples.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="verifier">Judges responses.</param>
    /// <param name="isGold">Whether their answers are right, and not demonstrations that may be wrong.</param>
    /// <param name="demonstrations">What their answers are where they are not.</param>
    public static HeldOutPrompts Of(IReadOnlyList<Example> examples, Vocabulary vocabulary, IJudge verifier, bool isGold,
        string demonstrations) => new(
        [.. examples.Select(e => e.PromptIds)], [.. examples.Select(e => e.Prompt ?? vocabulary.Show(e.PromptIds))], [.. examples],
        Judges.Judge.Measured(verifier, isGold, demonstrations), Judges.Judge.IsAccuracy(verifier, isGold), responses =>
            Judge(examples, responses, vocabulary, verifier))
        {
            check = () => Check(examples, vocabulary, verifier),
        };

    /// <summary>Accuracy of one response to each prompt.</summary>
    public Accuracy Accuracy(Transformer model, Vocabulary vocabulary, SamplingOptions options) =>
        judge(Sampler.Generate(model, Ids, vocabulary.Ends, options));

    /// <summary>Which of the responses, one a prompt, are right.</summary>
    public Accuracy Judge(SampledResponse[] responses) => judge(responses);

    /// <summary>Asks the judge about right answers.</summary>
    public void CheckJudge() => check();

    /// <summary>All measures of a policy.</summary>
    /// <param name="name">What tables call it.</param>
    /// <param name="model">The policy.</param>
    /// <param name="reward">The reward that is reported, with π_SFT as its expert.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="options">How responses are drawn.</param>
    public Measurement Measure(string name, Transformer model, DenseReward reward, Vocabulary vocabulary, SamplingOptions options) =>
        Evaluation.Measure(model, reward, Ids, judge, vocabulary.Ends, options) with
        {
            Policy = name,
            LogLikelihood = LogLikelihood(model, vocabulary),
            TrainedPrompts = TrainedPrompts.Of(model.Companions).CountOf(Ids),
        };

    /// <summary>log π of the held-out completions that fit into the model's context, a response and a token; null for tasks.</summary>
    public (double PerResponse, double PerToken)? LogLikelihood(Transformer model, Vocabulary vocabulary)
    {
        Example[] fitting = Array.FindAll(Examples, e => e.Positions <= model.Config.MaxPositions);
        return fitting.Length == 0 ? null : Evaluation.LogLikelihood(model, fitting);
    }

    private Action check = () => { };

    private static Accuracy Judge(IReadOnlyList<Example> examples, SampledResponse[] responses, Vocabulary vocabulary, IJudge verifier)
    {
        (int unread, int failed) = (verifier.Log?.Unread ?? 0, verifier.Log?.Failed ?? 0);
        double[] scores = ByTokens(examples, verifier)
            ? [.. responses.Select((r, i) => vocabulary.Ends.SameResponse(r.Ids, examples[i].ResponseIds) ? 1.0 : 0)]
            : Scores(examples, responses, vocabulary, verifier);
        return Training.Accuracy.Of(responses, scores) with
        {
            Unread = (verifier.Log?.Unread ?? 0) - unread,
            Failed = (verifier.Log?.Failed ?? 0) - failed
        };
    }

    private static bool ByTokens(IReadOnlyList<Example> examples, IJudge verifier) =>
        verifier is ExactJudge && !examples.Any(e => e.Gold is not null);

    private static void Check(IReadOnlyList<Example> examples, Vocabulary vocabulary, IJudge verifier)
    {
        if (ByTokens(examples, verifier)) return;
        ITokenizer tokenizer = Tokenizer(vocabulary, verifier);
        int asked = Judges.Judge.IsCommand(verifier.Name) ? FirstOfCommand : examples.Count;
        verifier.Check([.. examples.Take(asked)
            .Select(e => Asked(e, e.Judged ?? ResponseText.Of(e.ResponseIds, tokenizer) ?? "", vocabulary, tokenizer))]);
    }

    private static double[] Scores(IReadOnlyList<Example> examples, SampledResponse[] responses, Vocabulary vocabulary, IJudge verifier)
    {
        ITokenizer tokenizer = Tokenizer(vocabulary, verifier);
        double[] scores = new double[responses.Length];
        var ended = new List<(int Index, Answer Answer)>();
        for (int i = 0; i < scores.Length; i++)
        {
            if (ResponseText.Of(responses[i].Ids, tokenizer) is { } text) ended.Add((i, Asked(examples[i], text, vocabulary, tokenizer)));
        }

        double[] given = verifier.Score([.. ended.Select(e => e.Answer)]);
        for (int i = 0; i < given.Length; i++) scores[ended[i].Index] = given[i];
        return scores;
    }

    private static Answer Asked(Example e, string response, Vocabulary vocabulary, ITokenizer tokenizer) =>
        new(e.Prompt ?? vocabulary.Show(e.PromptIds), response, e.Judged ?? ResponseText.Of(e.ResponseIds, tokenizer), e.Pattern, e.Source);

    private static ITokenizer Tokenizer(Vocabulary vocabulary, IJudge verifier) =>
        vocabulary.Needed($"--verify {verifier.Name}: what a verifier judges");
}
