using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>The data of one world: prompts in parts, and demonstrations of one of them.</summary>
public sealed class WorldData
{
    private readonly Func<Example[]> corpus;

    private WorldData(Func<Example[]> corpus) => this.corpus = corpus;

    /// <summary>Text to tokens.</summary>
    public ITokenizer Tokenizer { get; init; } = new ByteTokenizer();

    /// <summary>Prompts that the final numbers are measured on.</summary>
    public required IReadOnlyList<TaskPrompt> Evaluation { get; init; }

    /// <summary>Prompts that choices are made on; none of them is evaluated, demonstrated or reinforced.</summary>
    public required IReadOnlyList<TaskPrompt> Validation { get; init; }

    /// <summary>Prompts that reinforcement answers: of tasks prompts of their own, of own data those of the demonstrations.</summary>
    public required IReadOnlyList<TaskPrompt> Reinforcement { get; init; }

    /// <summary>The demonstrations, in their order.</summary>
    public required IReadOnlyList<Example> Demonstrations { get; init; }

    /// <summary>The data of a regime and seed: drawn from its tasks, or the user's own, which are the same in every seed.</summary>
    public static WorldData Of(Regime regime, ulong seed) => regime.Own is { } own ? FromOwn(own) : FromTasks(regime, seed);

    /// <summary>What the base is pretrained on.</summary>
    public Example[] Corpus() => corpus();

    private static WorldData FromOwn(OwnData own) => new(() => [])
    {
        Tokenizer = own.Tokenizer,
        Evaluation = own.Evaluation,
        Validation = own.Validation,
        Reinforcement = own.Training,
        Demonstrations = own.Demonstrations,
    };

    private static WorldData FromTasks(Regime regime, ulong seed)
    {
        var tokenizer = new ByteTokenizer();
        var splits = new PromptSplits(regime.TaskList, seed, regime.Sizes);
        return new WorldData(() => regime.BaseDemonstrator!.Demonstrate(
            splits.Corpus(regime.Pretraining.Steps * regime.Pretraining.BatchSize), tokenizer, NamedSeed.Of("corpus", seed)))
        {
            Evaluation = splits.Evaluation,
            Validation = splits.Validation,
            Reinforcement = splits.Reinforcement,
            Demonstrations = Demonstrate(regime, splits.Demonstrations, tokenizer, NamedSeed.Of("demonstrations", seed)),
        };
    }

    // Everybody answers all prompts, with the same draws, and each one's part is taken from his.
    private static Example[] Demonstrate(Regime regime, IReadOnlyList<TaskPrompt> prompts, ITokenizer tokenizer, ulong seed)
    {
        int n = prompts.Count, parts = regime.Demonstrators.Count;
        var examples = new List<Example>(n);
        for (int part = 0; part < parts; part++)
        {
            Example[] all = regime.Demonstrators[part].Demonstrate(prompts, tokenizer, seed);
            examples.AddRange(all[(n * part / parts)..(n * (part + 1) / parts)]);
        }

        return [.. examples];
    }
}
