using MiniTransformer.Data;
using MiniTransformer.Judges;

namespace MiniTransformer.Cli.Runs;

/// <summary>
/// The data of a run, in parts that share no prompt (but that a file's training prompts are also those that DPR answers).
/// </summary>
internal sealed class RunData : IDisposable
{
    /// <summary>What the user has to know of the parts.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Judges responses to own data; null for tasks.</summary>
    public IJudge? Judge { get; init; }

    /// <summary>The demonstrations.</summary>
    public required IReadOnlyList<Example> Train { get; init; }

    /// <summary>The prompts that DPR draws responses to.</summary>
    public required IReadOnlyList<Prompt> Prompts { get; init; }

    /// <summary>For the final numbers.</summary>
    public required HeldOutPrompts Evaluation { get; init; }

    /// <summary>For the curves.</summary>
    public required HeldOutPrompts Validation { get; init; }

    /// <summary>
    /// For choices, such as which reference: the tasks' validation prompts, or all that was held out of a file, for it has no other.
    /// </summary>
    public required HeldOutPrompts Choices { get; init; }

    /// <summary>Held-out prompts that are not in <see cref="Evaluation"/>, because the model or its base was trained on them.</summary>
    public int LeftOut { get; init; }

    /// <summary>Positions that the longest example, demonstrated or right, needs.</summary>
    public required int LongestExample { get; init; }

    /// <summary>Tokens of the longest response, demonstrated or right, and one more, which shows a response that does not end.</summary>
    public required int ResponseRoom { get; init; }

    /// <summary>The prompts without those that are evaluated, which are never trained on.</summary>
    /// <exception cref="DataException">None is left.</exception>
    public IReadOnlyList<Prompt> NeverTrained(IReadOnlyList<Prompt> asked, Action<string> say)
    {
        HashSet<string> evaluated = [.. Evaluation.Ids.Select(Key)];
        Prompt[] left = [.. asked.Where(p => !evaluated.Contains(Key(p.Ids)))];
        if (left.Length == 0)
        {
            throw new DataException("all prompts to answer are those of --eval-data, which are never trained on; give others with "
                + "--prompts.");
        }
        if (left.Length < asked.Count)
        {
            say($"{asked.Count - left.Length} of {asked.Count} prompts are those of --eval-data and are left out.");
        }
        return left;

        static string Key(int[] ids) => string.Join(',', ids);
    }

    /// <summary>
    /// Says what the user has to know, and asks the judge about some right answers: a judge that will not do is found before anything is
    /// trained.
    /// </summary>
    /// <exception cref="DataException">A record lacks what the judge needs.</exception>
    /// <exception cref="JudgeException">A command fails on all of them.</exception>
    public void Begin(Action<string> say)
    {
        foreach (string note in Notes) say(note);
        try
        {
            Evaluation.CheckJudge();
        }
        catch (OperationCanceledException)
        {
            // Whatever comes next hears of the stop, and says how to go on.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Judge?.Dispose();
}
