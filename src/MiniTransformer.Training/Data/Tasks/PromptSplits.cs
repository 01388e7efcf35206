using MiniTransformer.Tensors;

namespace MiniTransformer.Data.Tasks;

/// <summary>How many prompts each part has, over all tasks together.</summary>
public sealed record PromptSplitSizes(int Evaluation = 500, int Validation = 400, int Reinforcement = 3000, int Demonstrations = 3000);

/// <summary>
/// Prompts of some tasks in parts that share none: what is evaluated was neither demonstrated, nor reinforced, nor in the pretraining
/// corpus. Tasks take turns, so every part has equally many prompts of each (but for a remainder). Parts are filled in the order
/// evaluation, validation, reinforcement, demonstrations: the sizes of later parts do not change earlier ones, so numbers measured on them
/// stay comparable.
/// </summary>
public sealed class PromptSplits
{
    private const ulong PartStream = 0x50415254UL << 32;
    private const ulong CorpusStream = 0x434F5250UL << 32;

    // A draw that repeats a used prompt is made again; after so many repeats in a row the task has, in all likelihood, hardly a prompt
    // left.
    private const int MostRepeats = 5_000;

    private readonly IReadOnlyList<ITask> tasks;
    private readonly ulong seed;
    private readonly HashSet<string> used = new(StringComparer.Ordinal);

    /// <summary>Draws the parts; the same tasks, sizes and seed give the same prompts.</summary>
    /// <exception cref="ArgumentException">A task has too few different prompts.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public PromptSplits(IReadOnlyList<ITask> tasks, ulong seed, PromptSplitSizes? sizes = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        if (tasks.Count == 0) throw new ArgumentException("Prompts need at least one task.", nameof(tasks));
        (this.tasks, this.seed) = (tasks, seed);
        sizes ??= new PromptSplitSizes();
        Evaluation = Draw(0, sizes.Evaluation, stop);
        Validation = Draw(1, sizes.Validation, stop);
        Reinforcement = Draw(2, sizes.Reinforcement, stop);
        Demonstrations = Draw(3, sizes.Demonstrations, stop);
    }

    /// <summary>Prompts held out for the final numbers.</summary>
    public IReadOnlyList<TaskPrompt> Evaluation { get; }

    /// <summary>Prompts held out for choices: which reference, whether to run at all.</summary>
    public IReadOnlyList<TaskPrompt> Validation { get; }

    /// <summary>Prompts that reinforcement samples responses to.</summary>
    public IReadOnlyList<TaskPrompt> Reinforcement { get; }

    /// <summary>Prompts that are demonstrated.</summary>
    public IReadOnlyList<TaskPrompt> Demonstrations { get; }

    /// <summary>
    /// Prompts for pretraining, none of which is in any part; they may repeat each other. Prompt i depends on the parts, the seed and i
    /// alone.
    /// </summary>
    /// <exception cref="ArgumentException">A task has no prompt outside the parts.</exception>
    public IReadOnlyList<TaskPrompt> Corpus(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        TaskPrompt[] prompts = new TaskPrompt[count];
        for (int i = 0; i < count; i++) prompts[i] = Unused(tasks[i % tasks.Count], new Rng(seed, CorpusStream + (uint)i));
        return prompts;
    }

    private List<TaskPrompt> Draw(ulong part, int count, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Rng rng = new(seed, PartStream + part);
        var prompts = new List<TaskPrompt>(); // that grows: so many different ones there may not be
        for (int i = 0; i < count; i++)
        {
            stop.ThrowIfCancellationRequested();
            prompts.Add(Unused(tasks[i % tasks.Count], rng));
            used.Add(prompts[i].Text);
        }

        return prompts;
    }

    private TaskPrompt Unused(ITask task, Rng rng)
    {
        for (int attempt = 0; attempt < MostRepeats; attempt++)
        {
            string prompt = task.NewPrompt(rng);
            if (!used.Contains(prompt)) return new TaskPrompt(task, prompt);
        }

        throw new ArgumentException($"Task {task.Name} gave no new prompt in {MostRepeats} draws after {used.Count} prompts were taken: it "
            + "has too few different ones. " +
            "Ask for fewer prompts, or make the words longer or the alphabet larger.");
    }
}
