using MiniTransformer.Text;

namespace MiniTransformer.Data.Tasks;

/// <summary>A prompt and the task it poses.</summary>
public sealed record TaskPrompt(ITask Task, string Text)
{
    /// <summary>The prompt as tokens, after the begin token.</summary>
    public Prompt Encode(ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new Prompt(Task.Encode(Text, tokenizer), Text);
    }

    /// <summary>
    /// True if sampled tokens are a right response: text that the task accepts, then the end token. A response that did not end, or that
    /// holds another special token (which decoding would hide), is wrong.
    /// </summary>
    public bool Accepts(ReadOnlySpan<int> responseIds, ITokenizer tokenizer) =>
        ResponseText.Of(responseIds, tokenizer) is { } text && Task.Verify(Text, text);

    /// <summary>
    /// The scores of sampled responses, one a prompt, in [0, 1]; 0 for a response without its end token or with another special one. Each
    /// task is asked once, for all its prompts, so that a slow verifier can judge several at a time.
    /// </summary>
    public static double[] Scores(IReadOnlyList<TaskPrompt> prompts, IReadOnlyList<int[]> responses, ITokenizer tokenizer)
    {
        if (prompts.Count != responses.Count)
        {
            throw new ArgumentException($"Scores: {responses.Count} responses came for {prompts.Count} prompts; one each is needed.");
        }
        double[] scores = new double[prompts.Count];
        var ended = Enumerable.Range(0, prompts.Count).Select(i => (Index: i, Text: ResponseText.Of(responses[i], tokenizer)))
            .Where(r => r.Text is not null);
        foreach (var group in ended.GroupBy(r => prompts[r.Index].Task).Select(g => (Task: g.Key, Responses: g.ToArray())))
        {
            double[] given = group.Task.Score([.. group.Responses.Select(r => (prompts[r.Index].Text, r.Text!))]);
            for (int i = 0; i < given.Length; i++) scores[group.Responses[i].Index] = given[i];
        }

        return scores;
    }
}
