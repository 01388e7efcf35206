using MiniTransformer.Cli.Invocations;
using MiniTransformer.Data;
using MiniTransformer.Nn;

namespace MiniTransformer.Cli.Runs;

/// <summary>Prompts that are longer than a model's context: they are named, and the others go on.</summary>
internal static class PromptRoom
{
    private const int MostNamed = 5;

    /// <summary>Whether a prompt leaves room for a response.</summary>
    public static bool Fits(Prompt prompt, int positions) => Sampler.Room(prompt.Ids.Length, positions) > 0;

    /// <summary>Names the prompts that do not fit, in one sentence; null where all do.</summary>
    public static string? TooLong(IReadOnlyList<Prompt> prompts, int positions)
    {
        Prompt[] tooLong = [.. prompts.Where(p => !Fits(p, positions))];
        if (tooLong.Length == 0) return null;
        string named = string.Join(", ", tooLong.Take(MostNamed).Select(p => $"{Place(p)} ({p.Ids.Length} tokens)"));
        string others = tooLong.Length > MostNamed ? $" and {tooLong.Length - MostNamed} more" : "";
        string count = prompts.Count == 1 ? "The prompt is" : $"{tooLong.Length} of {prompts.Count} prompts are";
        return $"{count} longer than the model's context of {positions} tokens (max_position_embeddings), so that there is no room for a "
            + $"response: {named}{others}.";
    }

    /// <summary>The prompts that fit; those that do not are named, and left out.</summary>
    /// <exception cref="DataException">None fits.</exception>
    public static IReadOnlyList<Prompt> Answerable(IReadOnlyList<Prompt> prompts, int positions, Action<string> say)
    {
        if (TooLong(prompts, positions) is not { } sentence) return prompts;
        Prompt[] fitting = [.. prompts.Where(p => Fits(p, positions))];
        if (fitting.Length == 0) throw new DataException(sentence);
        say($"{sentence} They are left out.");
        return fitting;
    }

    private static string Place(Prompt prompt) => prompt.Source is { } source ? Invocation.Shown(source) : $"'{prompt.Text}'";
}
