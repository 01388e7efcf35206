using MiniTransformer.Cli.Options;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.IO;
using MiniTransformer.Judges;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Where a run's demonstrations come from: built-in tasks, or a user's own file.</summary>
/// <param name="Tasks">Names of built-in tasks, or null.</param>
/// <param name="File">A JSONL file, or null.</param>
/// <param name="Good">Tasks: the probability of a right answer in a demonstration.</param>
/// <param name="Demonstrations">Tasks: how many demonstrations.</param>
/// <param name="HeldOut">File: the share of the prompts that is held out.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Verify">File: the verifier of responses, as <see cref="Judge.Parse"/> reads it.</param>
/// <param name="LastTurnOnly">File: of a conversation the last turn of the assistant carries loss, and not all of them.</param>
internal sealed record DataSource(string? Tasks, string? File, double Good, int Demonstrations, double HeldOut, ulong Seed, string Verify = JudgeFlag.Default, bool LastTurnOnly = false)
{
    // Prompts that the accuracy curve of a running training is measured on.
    private const int MostForCurves = 200;

    /// <summary>The file's hash, so that a run is never continued or measured with other data than it began with.</summary>
    public string? Sha256()
    {
        if (File is null) return null;
        if (!System.IO.File.Exists(File)) throw new FileNotFoundException($"There is no file '{Invocation.Shown(File)}' (the run's --data).");
        return Checksums.OfFile(File);
    }

    /// <summary>Refuses a file that has changed since the run began.</summary>
    public void CheckUnchanged(SftRun run)
    {
        if (File is not null && run.DataSha256 is { } saved && saved != Sha256())
            throw new InvalidDataException($"'{Invocation.Shown(File)}' has changed since the run began; put the old file back, or start another run.");
    }

    /// <summary>Reads or makes the data.</summary>
    /// <param name="vocabulary">The model's.</param>
    /// <param name="say">Is told of columns that are not read.</param>
    public RunData Load(Vocabulary vocabulary, Action<string>? say = null) =>
        Tasks is not null ? FromTasks(vocabulary.Needed("--task")) : FromFile(vocabulary, say);

    /// <summary>The prompts of built-in tasks in their parts.</summary>
    public static PromptSplits Split(string tasks, ulong seed, PromptSplitSizes sizes, CancellationToken stop = default) =>
        UsageException.Check(() => new PromptSplits(BuiltIn.Parse(tasks), seed, sizes, stop), "--task: ");

    /// <summary>Demonstrations of prompts: the same for the same seed in every command.</summary>
    public static Example[] Demonstrate(IReadOnlyList<TaskPrompt> prompts, double good, ITokenizer tokenizer, ulong seed) =>
        new Demonstrator { Good = good }.Demonstrate(prompts, tokenizer, NamedSeed.Of("demonstrations", seed));

    private RunData FromTasks(ITokenizer tokenizer)
    {
        PromptSplits splits = Split(Tasks!, Seed, new PromptSplitSizes { Demonstrations = Demonstrations });
        Example[] train = Demonstrate(splits.Demonstrations, Good, tokenizer, Seed);
        Example[] right = Demonstrate([.. splits.Evaluation, .. splits.Validation, .. splits.Reinforcement, .. splits.Demonstrations], 1, tokenizer, Seed);
        return new RunData
        {
            Train = train,
            LongestExample = train.Concat(right).Max(e => e.Positions),
            ResponseRoom = train.Concat(right).Max(e => e.ResponseIds.Length) + 1,
            Prompts = [.. splits.Reinforcement.Select(p => p.Encode(tokenizer))],
            Evaluation = HeldOutPrompts.Of(splits.Evaluation, tokenizer),
            Validation = HeldOutPrompts.Of([.. splits.Validation.Take(MostForCurves)], tokenizer),
            Choices = HeldOutPrompts.Of(splits.Validation, tokenizer),
        };
    }

    private RunData FromFile(Vocabulary vocabulary, Action<string>? say)
    {
        var all = Data.Demonstrations.Load(
            File!, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { LastTurnOnly = LastTurnOnly, Say = say });
        (Demonstrations train, Demonstrations heldOut) = (all, Data.Demonstrations.FromExamples([]));
        if (HeldOut >= 1)
        {
            (train, heldOut) = (heldOut, all);
        }
        else if (HeldOut > 0)
        {
            try
            {
                (train, heldOut) = all.Split(1 - HeldOut, Seed);
            }
            catch (DataException e)
            {
                throw new DataException($"{e.Message} With --held-out 0 nothing is held out.");
            }
        }

        IJudge verifier = Judge.Parse(Verify);
        return new RunData
        {
            Train = train,
            LongestExample = all.Max(e => e.Positions),
            ResponseRoom = all.Max(e => e.ResponseIds.Length) + 1,
            Prompts = train.Prompts,
            Evaluation = HeldOutPrompts.Of(heldOut, vocabulary, verifier),
            Validation = HeldOutPrompts.Of([.. heldOut.Take(MostForCurves)], vocabulary, verifier),
            Choices = HeldOutPrompts.Of(heldOut, vocabulary, verifier),
        };
    }
}
