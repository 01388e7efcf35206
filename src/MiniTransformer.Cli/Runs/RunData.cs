using MiniTransformer.Data;

namespace MiniTransformer.Cli.Runs;

/// <summary>The data of a run, in parts that share no prompt (but that a file's training prompts are also those that DPR answers).</summary>
internal sealed class RunData
{
    /// <summary>The demonstrations.</summary>
    public required IReadOnlyList<Example> Train { get; init; }

    /// <summary>The prompts that DPR draws responses to.</summary>
    public required IReadOnlyList<Prompt> Prompts { get; init; }

    /// <summary>For the final numbers.</summary>
    public required HeldOutPrompts Evaluation { get; init; }

    /// <summary>For the curves.</summary>
    public required HeldOutPrompts Validation { get; init; }

    /// <summary>For choices, such as which reference: the tasks' validation prompts, or all that was held out of a file, for it has no other.</summary>
    public required HeldOutPrompts Choices { get; init; }

    /// <summary>Held-out prompts that are not in <see cref="Evaluation"/>, because the model or its base was trained on them.</summary>
    public int LeftOut { get; init; }

    /// <summary>Positions that the longest example, demonstrated or right, needs.</summary>
    public required int LongestExample { get; init; }

    /// <summary>Tokens of the longest response, demonstrated or right, and one more, which shows a response that does not end.</summary>
    public required int ResponseRoom { get; init; }
}
