using MiniTransformer.Data;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Judges;

/// <summary>
/// The user's own data as a task: its prompts are those of the data, and a verifier says which responses are right. Where the data has
/// several completions of one prompt, a response gets the best of their scores. Whatever takes <see cref="TaskPrompt"/>s takes
/// <see cref="Prompts"/>.
/// </summary>
public sealed class JsonlTask : ITask
{
    private readonly IJudge verifier;
    private readonly Dictionary<string, Example[]> records;

    /// <summary>The task of some examples, as <see cref="JsonlReader"/> reads them.</summary>
    /// <param name="name">What tables call it.</param>
    /// <param name="examples">The data, at least one example.</param>
    /// <param name="verifier">Judges the responses; it stays the caller's to dispose of.</param>
    /// <exception cref="DataException">An example has no text (prompt_ids), or two prompts read the same and differ in their
    /// tokens.</exception>
    public JsonlTask(string name, IReadOnlyList<Example> examples, IJudge verifier)
    {
        if (examples.Count == 0) throw new ArgumentException("JsonlTask: there is no example.", nameof(examples));
        (Name, this.verifier) = (name, verifier);
        foreach (Example example in examples.Where(e => e.Prompt is null))
            throw new DataException($"{Place(example)}: the prompt is given as ids, and a verifier judges text; give 'prompt' and "
                + "'completion', or 'messages'.");
        records = examples.GroupBy(e => e.Prompt!, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        foreach (Example[] same in records.Values)
        {
            if (Array.Find(same, e => !e.PromptIds.AsSpan().SequenceEqual(same[0].PromptIds)) is { } other)
                throw new DataException($"{Place(other)}: the prompt reads like that of {Place(same[0])}, but its tokens are others; give "
                    + "both in the same form.");
        }

        Prompts = [.. records.Keys.Select(text => new TaskPrompt(this, text))];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Description => verifier.Description;

    /// <summary>The prompts, each once, in the order of the data.</summary>
    public IReadOnlyList<TaskPrompt> Prompts { get; }

    /// <summary>The examples of one prompt, in the order of the data.</summary>
    /// <exception cref="ArgumentException">It is not one of the data's.</exception>
    public IReadOnlyList<Example> Examples(string prompt) =>
        records.TryGetValue(prompt, out Example[]? found)
            ? found
            : throw new ArgumentException($"'{Judge.Short(prompt)}' is no prompt of {Name}.", nameof(prompt));

    /// <inheritdoc/>
    public string NewPrompt(Rng rng) => Prompts[rng.NextInt(Prompts.Count)].Text;

    /// <summary>The right answer of the prompt's first example; its completion where the data has no right answers.</summary>
    /// <exception cref="ArgumentException">The prompt is not one of the data's.</exception>
    public string Answer(string prompt) => Examples(prompt)[0].Judged ?? "";

    /// <inheritdoc/>
    public bool Verify(string prompt, string response) => Score([(prompt, response)])[0] >= Judge.Right;

    /// <inheritdoc/>
    public double[] Score(IReadOnlyList<(string Prompt, string Response)> answers)
    {
        (int Of, Answer Answer)[] asked =
            [.. answers.SelectMany((a, i) =>
                Examples(a.Prompt).Select(e => (i, new Answer(a.Prompt, a.Response, e.Judged, e.Pattern, e.Source))))];
        double[] given = verifier.Score([.. asked.Select(a => a.Answer)]), best = new double[answers.Count];
        for (int i = 0; i < asked.Length; i++) best[asked[i].Of] = Math.Max(best[asked[i].Of], given[i]);
        return best;
    }

    /// <inheritdoc/>
    public int[] Encode(string prompt, ITokenizer tokenizer) => Examples(prompt)[0].PromptIds;

    private static string Place(Example example) => example.Source ?? "an example made in memory";
}
