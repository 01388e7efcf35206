using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Judges;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>
/// The user's own demonstrations with a verifier, in three parts by prompt that share none: training, whose prompts are also those that
/// reinforcement answers, validation, and evaluation. The split is drawn once and is the same in every seed of a comparison; seeds vary
/// initial weights, order and draws. So the prompts that settings are chosen on are never evaluated, in any seed; in return intervals over
/// seeds leave out the luck of the evaluation prompts.
/// </summary>
public sealed class OwnData
{
    /// <summary>The fewest prompts of a part: on fewer an accuracy says nothing.</summary>
    public const int FewestPrompts = 10;

    // Completions that a command is asked about before anything is trained; other verifiers are asked about all.
    private const int FirstOfCommand = 20;

    private readonly JsonlTask task;
    private readonly IJudge verifier;

    private OwnData(JsonlTask task, IJudge verifier) => (this.task, this.verifier) = (task, verifier);

    /// <summary>What could not be judged so far; null where the judge keeps no log.</summary>
    public JudgeLog? Log => verifier.Log;

    /// <summary>What the regime is called.</summary>
    public string Name => task.Name;

    /// <summary>A folder that holds the base model; null where training starts from random weights.</summary>
    public string? BaseFolder { get; init; }

    /// <summary>Text to tokens: the base's tokenizer, where there is a base.</summary>
    public ITokenizer Tokenizer { get; init; } = new ByteTokenizer();

    /// <summary>Prompts that the base was trained on, and that are therefore neither evaluated nor chosen on.</summary>
    public int LeftOut { get; init; }

    /// <summary>Prompts that the final numbers are measured on.</summary>
    public required IReadOnlyList<TaskPrompt> Evaluation { get; init; }

    /// <summary>Prompts that choices are made on.</summary>
    public required IReadOnlyList<TaskPrompt> Validation { get; init; }

    /// <summary>Prompts of the demonstrations.</summary>
    public required IReadOnlyList<TaskPrompt> Training { get; init; }

    /// <summary>The demonstrations, in the order of the data.</summary>
    public required IReadOnlyList<Example> Demonstrations { get; init; }

    /// <summary>Tokens of the longest prompt.</summary>
    public required int LongestPrompt { get; init; }

    /// <summary>Tokens of the longest response, and one more, which shows a response that does not end.</summary>
    public required int ResponseRoom { get; init; }

    /// <summary>Whether responses are judged by right answers, and not by demonstrations that may be wrong themselves.</summary>
    public required bool IsGold { get; init; }

    /// <summary>What accuracy is, in a word or two.</summary>
    public string Measured => Judges.Judge.Measured(verifier, IsGold);

    /// <summary>One sentence for people.</summary>
    public string Description =>
        $"own data, {Demonstrations.Count} demonstrations of {Training.Count} prompts, "
            + $"{(BaseFolder is null ? "from random weights" : "from a base")}; "
        + $"{Validation.Count} validation and {Evaluation.Count} evaluation prompts, the same in every "
        + $"seed{(LeftOut > 0 ? $", without {LeftOut} that the base was trained on" : "")}; right is a response if {verifier.Description}"
        + (IsGold ? "" : "; there is no gold, so that it is judged by the demonstrations, where they are wrong too");

    /// <summary>Splits data by prompt.</summary>
    /// <param name="name">What the regime is called.</param>
    /// <param name="examples">The data.</param>
    /// <param name="verifier">Judges responses; it stays the caller's to dispose of.</param>
    /// <param name="validation">Share of the prompts for validation.</param>
    /// <param name="heldOut">Share of the prompts for evaluation: the ones that sft holds out with the same share and seed.</param>
    /// <param name="seed">Seed of the split.</param>
    /// <param name="baseFolder">A folder that holds the base model, or null.</param>
    /// <param name="tokenizer">The base's tokenizer; bytes by default.</param>
    /// <param name="evaluated">Examples to evaluate on, whose answers are right, in place of a share of the data; their prompts are taken
    /// out of the data. Null for a share.</param>
    /// <param name="seen">Prompts that the base was trained on: nothing is measured on them.</param>
    /// <exception cref="DataException">There are too few prompts, or a record cannot be judged by a verifier.</exception>
    public static OwnData Split(string name, Demonstrations examples, IJudge verifier, double validation, double heldOut, ulong seed,
        string? baseFolder = null,
        ITokenizer? tokenizer = null, Demonstrations? evaluated = null, TrainedPrompts? seen = null)
    {
        if (!(validation > 0 && heldOut > 0 && validation + heldOut < 1))
            throw new ArgumentException($"The shares for validation, {validation}, and evaluation, {heldOut}, must be positive and leave "
                + "something to train on: together less than 1.");
        examples.CheckGold();
        evaluated?.CheckGold();
        if (evaluated is not null) examples = examples.Without(evaluated);
        int prompts = examples.Prompts.Count + (evaluated?.Prompts.Count ?? 0);
        var task = new JsonlTask(name, [.. examples, .. evaluated ?? Data.Demonstrations.FromExamples([])], verifier);
        if (prompts < 3 * FewestPrompts)
            throw new DataException($"{name}: there are {prompts} different prompts, and a comparison needs at least {3 * FewestPrompts}: "
                + $"{FewestPrompts} each to train on, to choose on and to evaluate on.");
        (Demonstrations rest, Demonstrations evaluation) = evaluated is null ? examples.Split(1 - heldOut, seed) : (examples, evaluated);
        (Demonstrations train, Demonstrations choose) = rest.Split(evaluated is null ? 1 - validation / (1 - heldOut) : 1 - validation,
            NamedSeed.Of("validation", seed));
        int measured = evaluation.Prompts.Count + choose.Prompts.Count;
        if (seen is not null) (evaluation, choose) = (Unseen(evaluation, seen), Unseen(choose, seen));
        foreach ((string part, Demonstrations of) in new[] { ("to train on", train), ("for validation", choose),
            ("for evaluation", evaluation) })
        {
            if (of.Prompts.Count < FewestPrompts)
            {
                throw new DataException(
                    $"{name}: of {prompts} different prompts {of.Prompts.Count} would be {part}"
                    + (measured > evaluation.Prompts.Count + choose.Prompts.Count ? " that the base was not trained on" : "")
                    + $", and at least {FewestPrompts} are needed; give more data, or change the shares for validation and evaluation.");
            }
        }

        return new OwnData(task, verifier)
        {
            BaseFolder = baseFolder,
            LeftOut = measured - evaluation.Prompts.Count - choose.Prompts.Count,
            Tokenizer = tokenizer ?? new ByteTokenizer(),
            IsGold = evaluated is not null || examples.All(e => e.Gold is not null),
            Evaluation = Prompts(evaluation),
            Validation = Prompts(choose),
            Training = Prompts(train),
            Demonstrations = train,
            LongestPrompt = examples.Concat(evaluation).Max(e => e.PromptIds.Length),
            ResponseRoom = examples.Concat(evaluation).Max(e => e.ResponseIds.Length) + 1,
        };

        static Demonstrations Unseen(Demonstrations part, TrainedPrompts seen) =>
            Data.Demonstrations.FromExamples(part.Where(e => !seen.Contains(e.PromptIds)));

        TaskPrompt[] Prompts(Demonstrations part) => [.. part.Prompts.Select(p => new TaskPrompt(task, p.Text!))];
    }

    /// <summary>
    /// Asks the verifier about completions of the data, so that a record or a command that will not do is found before anything is trained.
    /// </summary>
    /// <exception cref="DataException">A record lacks what the verifier needs.</exception>
    /// <exception cref="JudgeException">A command failed on all that it was asked about.</exception>
    public void CheckJudge()
    {
        IEnumerable<TaskPrompt> asked = Evaluation.Concat(Validation).Concat(Training);
        if (Judges.Judge.IsCommand(verifier.Name)) asked = asked.Take(FirstOfCommand);
        verifier.Check([.. asked.SelectMany(p => task.Examples(p.Text))
            .Select(e => new Answer(e.Prompt!, e.Judged ?? "", e.Judged, e.Pattern, e.Source))]);
    }

    /// <summary>The same with fewer prompts, for a run that shows that everything works.</summary>
    public OwnData Reduced() => new(task, verifier)
    {
        BaseFolder = BaseFolder,
        LeftOut = LeftOut,
        Tokenizer = Tokenizer,
        IsGold = IsGold,
        Evaluation = [.. Evaluation.Take(80)],
        Validation = [.. Validation.Take(40)],
        Training = Training,
        Demonstrations = Demonstrations,
        LongestPrompt = LongestPrompt,
        ResponseRoom = ResponseRoom,
    };
}
