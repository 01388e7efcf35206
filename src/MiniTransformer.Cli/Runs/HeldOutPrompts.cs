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

    private readonly string?[] sources;

    private HeldOutPrompts(int[][] ids, string[] texts, string?[] sources, Example[] examples, string measured, bool isAccuracy,
        Func<SampledResponse[], Accuracy> judge) =>
        (Ids, Texts, this.sources, Examples, Measured, IsAccuracy, this.judge) = (ids, texts, sources, examples,
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
    public Prompt[] Prompts => [.. Ids.Select((ids, i) => new Prompt(ids, Texts[i], sources[i]))];

    /// <summary>Number of prompts.</summary>
    public int Count => Ids.Length;

    /// <summary>Prompts of tasks.</summary>
    public static HeldOutPrompts Of(IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer) => new(
        [.. prompts.Select(p => p.Encode(tokenizer).Ids)], [.. prompts.Select(p => p.Text)], new string?[prompts.Count], [], "exact match",
        isAccuracy: true,
        responses => Evaluation.Judge(prompts, responses, tokenizer));

    /// <summary>
    /// The prompts of held-out examples, each once, judged by a verifier: where the data has several completions of one prompt, a response
    /// gets the best of their scores, as in <see cref="JsonlTask"/>. Without right answers apart from the completions the exact verifier
    /// takes the completion token for token, which needs no tokenizer; else the text of responses that ended is judged.
    /// </summary>
    /// <param name="examples">The examples.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="verifier">Judges responses.</param>
    /// <param name="isGold">Whether their answers are right, and not demonstrations that may be wrong.</param>
    /// <param name="demonstrations">What their answers are where they are not.</param>
    public static HeldOutPrompts Of(IReadOnlyList<Example> examples, Vocabulary vocabulary, IJudge verifier, bool isGold,
        string demonstrations)
    {
        Example[][] prompts = Demonstrations.FromExamples(examples).ByPrompt;
        return new(
            [.. prompts.Select(same => same[0].PromptIds)],
            [.. prompts.Select(same => same[0].Prompt ?? vocabulary.Show(same[0].PromptIds))],
            [.. prompts.Select(same => same[0].Source)], [.. examples], Judges.Judge.Measured(verifier, isGold, demonstrations),
            Judges.Judge.IsAccuracy(verifier, isGold), responses => Judge(prompts, responses, vocabulary, verifier))
        {
            check = () => Check(examples, vocabulary, verifier),
        };
    }

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

    private static Accuracy Judge(Example[][] prompts, SampledResponse[] responses, Vocabulary vocabulary, IJudge verifier)
    {
        if (ByTokens(prompts.SelectMany(same => same), verifier))
        {
            return Training.Accuracy.Of(
                responses,
                [.. responses.Select((r, i) => prompts[i].Any(e => vocabulary.Ends.SameResponse(r.Ids, e.ResponseIds)) ? 1.0 : 0)]);
        }

        ITokenizer tokenizer = Tokenizer(vocabulary, verifier);
        double[] scores = new double[responses.Length];
        (int unread, int failed) = (verifier.Log?.Unread ?? 0, verifier.Log?.Failed ?? 0);
        Ask(same => same.Take(1));
        (unread, failed) = ((verifier.Log?.Unread ?? 0) - unread, (verifier.Log?.Failed ?? 0) - failed); // of responses, each once
        Ask(same => same.Skip(1));
        return Training.Accuracy.Of(responses, scores) with { Unread = unread, Failed = failed };

        // A response that has not ended is wrong, whatever the judge would say.
        void Ask(Func<Example[], IEnumerable<Example>> of)
        {
            (int Of, Answer Answer)[] asked = [.. responses.SelectMany((r, i) => ResponseText.Of(r.Ids, tokenizer) is { } text
                ? of(prompts[i]).Select(e => (i, Asked(e, text, vocabulary, tokenizer)))
                : [])];
            if (asked.Length == 0) return;
            double[] given = verifier.Score([.. asked.Select(a => a.Answer)]);
            for (int i = 0; i < given.Length; i++) scores[asked[i].Of] = Math.Max(scores[asked[i].Of], given[i]);
        }
    }

    private static bool ByTokens(IEnumerable<Example> examples, IJudge verifier) =>
        verifier is ExactJudge && !examples.Any(e => e.Gold is not null);

    private static void Check(IReadOnlyList<Example> examples, Vocabulary vocabulary, IJudge verifier)
    {
        if (ByTokens(examples, verifier)) return;
        ITokenizer tokenizer = Tokenizer(vocabulary, verifier);
        int asked = Judges.Judge.IsCommand(verifier.Name) ? FirstOfCommand : examples.Count;
        verifier.Check([.. examples.Take(asked)
            .Select(e => Asked(e, e.Judged ?? ResponseText.Of(e.ResponseIds, tokenizer) ?? "", vocabulary, tokenizer))]);
    }

    private static Answer Asked(Example e, string response, Vocabulary vocabulary, ITokenizer tokenizer) =>
        new(e.Prompt ?? vocabulary.Show(e.PromptIds), response, e.Judged ?? ResponseText.Of(e.ResponseIds, tokenizer), e.Pattern, e.Source);

    private static ITokenizer Tokenizer(Vocabulary vocabulary, IJudge verifier) =>
        vocabulary.Needed($"--verify {verifier.Name}: what a verifier judges");
}
