using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
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
/// <param name="Verify">File: the verifier of responses, as <see cref="Judges.Judge.Parse"/> reads it.</param>
/// <param name="EvalFile">A JSONL file with right answers that is held out in place of a share, or null.</param>
/// <param name="LastTurnOnly">File: of a conversation the last turn of the assistant carries loss, and not all of them.</param>
internal sealed record DataSource(
    string? Tasks, string? File, double Good, int Demonstrations, double HeldOut, ulong Seed, string Verify = JudgeFlag.Default,
    string? EvalFile = null,
    bool LastTurnOnly = false)
{
    // Prompts that the accuracy curve of a running training is measured on.
    private const int MostForCurves = 200;

    /// <summary>
    /// Refuses a pipe, whose content can be read only once, where a run reads its data again: to resume it, and to measure it.
    /// </summary>
    /// <exception cref="UsageException">It is one.</exception>
    public static void RequireFile(string flag, string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (!stream.CanSeek)
            throw new UsageException($"{flag}: '{Invocation.Shown(path)}' is a pipe, which can be read only once, and a run reads its data "
                + "again when it is resumed or measured; write them to a file and name it.");
    }

    /// <summary>The prompts of a file that a run reads again when it is resumed.</summary>
    /// <exception cref="UsageException">It is a pipe.</exception>
    /// <exception cref="DataException">It holds none, or one that cannot be read.</exception>
    public static Prompt[] ReadPrompts(string flag, string path, Vocabulary vocabulary, Action<string> say)
    {
        if (!System.IO.File.Exists(path)) throw new FileNotFoundException($"{flag}: there is no file '{Invocation.Shown(path)}'.");
        RequireFile(flag, path);
        Prompt[] prompts = [.. PromptReader.Read(path, vocabulary.Tokenizer, vocabulary.Size, say)];
        return prompts.Length > 0 ? prompts : throw new DataException($"{path}: the file holds no prompt.");
    }

    /// <summary>Reads or makes the data.</summary>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="seen">Prompts that the model, or its base, was trained on: none of them is held out, whatever the split says.</param>
    /// <param name="say">Is told how many are left out, and which columns of the file are not read.</param>
    /// <param name="judging">How judges are run.</param>
    /// <param name="evalFile">A file with right answers to measure on in place of what the run held out, or null.</param>
    /// <param name="alsoSeen">What else is among the seen ones, in words.</param>
    public RunData Load(
        Vocabulary vocabulary, TrainedPrompts? seen = null, Action<string>? say = null, JudgeOptions? judging = null,
        string? evalFile = null, string alsoSeen = "")
    {
        RunData data = Tasks is not null
            ? FromTasks(vocabulary.Needed("--task"), seen)
            : FromFile(vocabulary, seen, judging, evalFile == EvalFile ? null : evalFile, say);
        if (data.LeftOut > 0)
            say?.Invoke($"{data.LeftOut} of {data.LeftOut + data.Evaluation.Count} held-out prompts are among those that the model, or its "
                + $"base, was trained on{alsoSeen}: they are left out.");
        return data;
    }

    /// <summary>The prompts of built-in tasks in their parts.</summary>
    public static PromptSplits Split(string tasks, ulong seed, PromptSplitSizes sizes, CancellationToken stop = default) =>
        UsageException.Check(() => new PromptSplits(BuiltIn.Parse(tasks), seed, sizes, stop), "--task: ");

    /// <summary>Demonstrations of prompts: the same for the same seed in every command.</summary>
    public static Example[] Demonstrate(IReadOnlyList<TaskPrompt> prompts, double good, ITokenizer tokenizer, ulong seed) =>
        new Demonstrator { Good = good }.Demonstrate(prompts, tokenizer, NamedSeed.Of("demonstrations", seed));

    private RunData FromTasks(ITokenizer tokenizer, TrainedPrompts? seen)
    {
        PromptSplits splits = Split(Tasks!, Seed, new PromptSplitSizes { Demonstrations = Demonstrations });
        Example[] train = Demonstrate(splits.Demonstrations, Good, tokenizer, Seed);
        Example[] right = Demonstrate([.. splits.Evaluation, .. splits.Validation, .. splits.Reinforcement, .. splits.Demonstrations], 1,
            tokenizer, Seed);
        TaskPrompt[] evaluation = Unseen(splits.Evaluation), validation = Unseen(splits.Validation);
        return new RunData
        {
            Train = train,
            LeftOut = splits.Evaluation.Count - evaluation.Length,
            LongestExample = train.Concat(right).Max(e => e.Positions),
            ResponseRoom = train.Concat(right).Max(e => e.ResponseIds.Length) + 1,
            Prompts = [.. splits.Reinforcement.Select(p => p.Encode(tokenizer))],
            Evaluation = HeldOutPrompts.Of(evaluation, tokenizer),
            Validation = HeldOutPrompts.Of([.. validation.Take(MostForCurves)], tokenizer),
            Choices = HeldOutPrompts.Of(validation, tokenizer),
        };

        TaskPrompt[] Unseen(IReadOnlyList<TaskPrompt> prompts) =>
            seen is null ? [.. prompts] : [.. prompts.Where(p => !seen.Contains(p.Encode(tokenizer).Ids))];
    }

    private RunData FromFile(Vocabulary vocabulary, TrainedPrompts? seen, JudgeOptions? judging, string? evalFile, Action<string>? say)
    {
        var notes = new List<string>();
        Demonstrations none = Data.Demonstrations.FromExamples([]), all = File is null ? none : Data.Demonstrations.Load(
            File, vocabulary.Tokenizer, vocabulary.Size,
            new JsonlOptions { HeldOut = HeldOut >= 1, LastTurnOnly = LastTurnOnly, Say = say });
        (Demonstrations train, Demonstrations heldOut) = (all, none);
        if (EvalFile is not null)
        {
            heldOut = Held(EvalFile);
            train = all.Without(heldOut);
            if (train.Count < all.Count)
            {
                notes.Add($"{all.Count - train.Count} of {all.Count} demonstrations answer prompts of --eval-data and are left out of "
                    + "training.");
            }
            if (train.Count == 0 && File is not null)
            {
                throw new DataException($"{File}: all prompts are those of --eval-data, which are never trained on; nothing is left.");
            }
        }
        else if (HeldOut >= 1)
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

        if (evalFile is not null)
        {
            Demonstrations given = Held(evalFile);
            heldOut = given.Without(train);
            if (heldOut.Count == 0)
            {
                throw new DataException($"{evalFile}: all its prompts were trained on by SFT; give others to measure on.");
            }
            if (heldOut.Count < given.Count)
            {
                notes.Add($"{given.Count - heldOut.Count} of {given.Count} lines of --eval-data have prompts that SFT was trained on; they "
                    + "are left out of the measure.");
            }
        }

        int held = heldOut.Count;
        if (seen is not null) heldOut = Data.Demonstrations.FromExamples(heldOut.Where(e => !seen.Contains(e.PromptIds)));
        heldOut.CheckGold();
        bool isGold = EvalFile is not null || evalFile is not null || (heldOut.Count > 0 && heldOut.All(e => e.Gold is not null));
        string demonstrations = HeldOut >= 1 && EvalFile is null ? $"the completions of {Path.GetFileName(File)}" : "the demonstrations";
        IJudge verifier = Judges.Judge.Parse(Verify, judging);
        return new RunData
        {
            Train = train,
            LeftOut = held - heldOut.Count,
            LongestExample = all.Concat(heldOut).Max(e => e.Positions),
            ResponseRoom = all.Concat(heldOut).Max(e => e.ResponseIds.Length) + 1,
            Prompts = train.Prompts,
            Evaluation = Prompts(heldOut),
            Validation = Prompts(heldOut.Take(MostForCurves)),
            Choices = Prompts(heldOut),
            Notes = notes,
            Judge = verifier,
        };

        Demonstrations Held(string file) =>
            Data.Demonstrations.Load(file, vocabulary.Tokenizer, vocabulary.Size, new JsonlOptions { HeldOut = true, Say = say });

        HeldOutPrompts Prompts(IEnumerable<Example> examples) =>
            HeldOutPrompts.Of([.. examples], vocabulary, verifier, isGold, demonstrations);
    }
}
