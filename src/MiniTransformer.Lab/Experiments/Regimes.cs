using MiniTransformer.Data.Tasks;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>The built-in regimes.</summary>
public static class Regimes
{
    // Four tasks and sorting, on words of 3 to 6 letters, for the regimes without a base.
    private const string FiveTasks = "reverse,next,upper,swap,sort";

    private static readonly Words ShortWords = new(MinLength: 3, MaxLength: 6);

    // The base has seen mostly lazy answers.
    private static readonly Demonstrator MostlyLazy = new() { Good = .20 };

    // SFT from random weights: 750 steps of 64.
    private static readonly SftOptions FromScratch = new()
    {
        Steps = 750,
        BatchSize = 64,
        LearningRate = 2e-3,
        WarmupSteps = 50,
        FinalFraction = .02,
    };

    // The same number of examples, once through and in their order.
    private static readonly SftOptions InOrder = FromScratch with { Steps = 0, Epochs = 1, BatchSize = 16, Shuffle = false };

    private static readonly PromptSplitSizes Many = new(Demonstrations: 12_000);

    /// <summary>All of them; the first is the demo's.</summary>
    public static IReadOnlyList<Regime> All { get; } =
    [
        new()
        {
            Name = "base-to-better",
            Description = "a base trained on mostly lazy answers (20% good), then demonstrations that are better but still imperfect (40% "
                + "good)",
            BaseDemonstrator = MostlyLazy,
            Demonstrators = [new() { Good = .40 }],
        },
        new()
        {
            Name = "base-to-good",
            Description = "the same base, then demonstrations of which 60% are good",
            BaseDemonstrator = MostlyLazy,
            Demonstrators = [new() { Good = .60 }],
        },
        new()
        {
            Name = "base-to-curated",
            Description = "the same base, then demonstrations that are nearly clean (90% good)",
            BaseDemonstrator = MostlyLazy,
            Demonstrators = [new() { Good = .90 }],
        },
        new()
        {
            Name = "lazyshift",
            Description = "no base; demonstrations that improve over the run, taken once in their order: 90% of the first half, 55% of the "
                + "second are lazy and copy the input",
            Tasks = FiveTasks,
            Words = ShortWords,
            Sizes = Many,
            Demonstrators = [new() { Good = .10, Copy = 1, Cut = 0 }, new() { Good = .45, Copy = 1, Cut = 0 }],
            Sft = InOrder,
        },
        new()
        {
            Name = "noisy",
            Description = "no base; demonstrations of which 30% have one wrong letter, with SFT run to convergence",
            Tasks = FiveTasks,
            Words = ShortWords,
            Sizes = Many,
            Demonstrators = [new() { Good = .70, Copy = 0, Cut = 0, WrongLetter = 1 }],
            Sft = FromScratch,
        },
        new()
        {
            Name = "shift",
            Description = "no base; noise that lessens over the run, taken once in order: 60% of the first half, 10% of the second have "
                + "one wrong letter",
            Tasks = FiveTasks,
            Words = ShortWords,
            Sizes = Many,
            Demonstrators = [new() { Good = .40, Copy = 0, Cut = 0, WrongLetter = 1 },
                new() { Good = .90, Copy = 0, Cut = 0, WrongLetter = 1 }],
            Sft = InOrder,
        },
        new()
        {
            Name = "clean",
            Description = "no base; few demonstrations (1,000), all right, seen many times",
            Tasks = FiveTasks,
            Words = ShortWords,
            Sizes = Many with { Demonstrations = 1_000 },
            Demonstrators = [Demonstrator.Perfect],
            Sft = FromScratch,
        },
        new()
        {
            Name = "long",
            Description = "no base; responses of 15 tokens, each letter wrong with probability 5%, independently",
            Tasks = "next,upper,swap",
            Words = new Words(MinLength: 14, MaxLength: 14),
            Sizes = Many,
            Demonstrators = [new() { LetterErrors = .05 }],
            Model = Regime.SmallModel with { MaxPositions = 48 },
            Sft = FromScratch,
            Dpr = new DprOptions { MaxTokens = 16, PromptsPerUpdate = 96 },
        },
    ];

    /// <summary>
    /// The regime of the user's own data. SFT has the settings that the command sft has by default: one epoch from a base, five from random
    /// weights. DPR draws as many tokens an update as in the other regimes: with longer responses fewer of them, but at least 16.
    /// </summary>
    /// <param name="own">The data.</param>
    /// <param name="baseModel">The base's form; null for the small model, with as many positions as the data need.</param>
    /// <param name="inOrder">Whether SFT takes the data in their order, for data that improve over time; their second half counts as the
    /// better part.</param>
    public static Regime OfOwn(OwnData own, TransformerConfig? baseModel, bool inOrder = false)
    {
        int positions = own.LongestPrompt + own.ResponseRoom;
        TransformerConfig model = baseModel ?? Regime.SmallModel with { MaxPositions = Math.Max(32, (positions + 15) / 16 * 16) };
        int longest = own.ResponseRoom;
        return new Regime
        {
            Name = own.Name,
            Description = inOrder ? $"{own.Description}; taken in their order" : own.Description,
            Own = own,
            Demonstrators = [],
            Model = model,
            Sft = (own.BaseFolder is null
                ? new SftOptions { Epochs = 5, BatchSize = 64, LearningRate = 2e-3 }
                : new SftOptions()) with
            { Shuffle = !inOrder },
            Dpr = new DprOptions { MaxTokens = longest, PromptsPerUpdate = Math.Clamp(1536 / longest / 4 * 4, 16, 192) },
        };
    }

    /// <summary>The regime of a name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists them.</exception>
    public static Regime Named(string name) =>
        All.FirstOrDefault(r => r.Name == name)
        ?? throw new ArgumentException($"There is no regime '{name}'; the regimes are {string.Join(", ", All.Select(r => r.Name))}.");
}
