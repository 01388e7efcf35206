using MiniTransformer.Data;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>A response's tokens with their rewards, whether it ended, and V of the state after it.</summary>
internal sealed record ScoredRow(ScoredToken[] Tokens, bool Ended, double FinalValue)
{
    /// <summary>The row as a report shows it.</summary>
    public ScoredResponse Of(string prompt, bool? right, string label, IReadOnlyList<string> references) =>
        new(prompt, Tokens, right, label, references) { Ended = Ended, FinalValue = FinalValue };
}

/// <summary>Responses with each token's recovered rewards.</summary>
internal static class Scored
{
    // The most probable tokens that are told of each state.
    private const int Alternatives = 5;

    /// <summary>The credit of responses, token by token.</summary>
    /// <param name="expert">π_SFT.</param>
    /// <param name="references">The references.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="examples">Prompts with responses.</param>
    public static ScoredRow[] Tokens(
        Transformer expert, IReadOnlyList<NamedReference> references, Vocabulary vocabulary, IReadOnlyList<Example> examples)
    {
        if (examples.All(e => e.ResponseIds.Length == 0))
        {
            return [.. examples.Select(_ => new ScoredRow([], Ended: false, FinalValue: double.NaN))];
        }
        var batch = new ResponseBatch(examples);
        TokenScores scores = TokenCredit.Score(expert, [.. references.Select(r => r.Model)], batch, Alternatives, vocabulary.Ends);
        return
        [
            .. examples.Select((example, b) => new ScoredRow(
                [.. example.ResponseIds.Select((id, t) => Token(scores, vocabulary, id, batch.Starts[b] + t))],
                scores.Ends.Ended[b] && example.ResponseIds.Length > 0, scores.Ends.FinalValue[b])),
        ];
    }

    /// <summary>The same held-out prompts answered by several policies.</summary>
    /// <param name="reward">The reward.</param>
    /// <param name="references">The names of its references.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="prompts">Token ids and text of each prompt.</param>
    /// <param name="answers">For each policy its name, and its responses and whether they are right (null: unknown), one a prompt.</param>
    public static IReadOnlyList<ScoredResponse> Responses(
        DenseReward reward, IReadOnlyList<string> references, Vocabulary vocabulary, IReadOnlyList<(int[] Ids, string Text)> prompts,
        IReadOnlyList<(string Name, IReadOnlyList<(int[] Ids, bool? Right)> Responses)> answers)
    {
        var scored = new List<ScoredResponse>();
        NamedReference[] named = [.. references.Zip(reward.References, (name, model) => new NamedReference(name, model))];
        for (int i = 0; i < prompts.Count; i++)
        {
            Example[] examples = [.. answers.Select(a => new Example(prompts[i].Ids, a.Responses[i].Ids))];
            ScoredRow[] tokens = Tokens(reward.Expert, named, vocabulary, examples);
            for (int a = 0; a < answers.Count; a++)
                scored.Add(tokens[a].Of(prompts[i].Text, answers[a].Responses[i].Right, answers[a].Name, references));
        }

        return scored;
    }

    /// <summary>
    /// Which prompts to show: of each task in turn one that the last policy alone gets right, then one that it gets wrong.
    /// </summary>
    /// <param name="tasks">The task of each prompt, or the same word for all.</param>
    /// <param name="before">Whether the earlier policy is right.</param>
    /// <param name="after">Whether the last policy is right.</param>
    /// <param name="perTask">Prompts of each task.</param>
    public static int[] Choose(IReadOnlyList<string> tasks, IReadOnlyList<bool> before, IReadOnlyList<bool> after, int perTask = 2)
    {
        var chosen = new List<int>();
        foreach (IGrouping<string, int> group in Enumerable.Range(0, tasks.Count).GroupBy(i => tasks[i]))
        {
            int[] gained = [.. group.Where(i => !before[i] && after[i])], wrong = [.. group.Where(i => !after[i])],
                others = [.. group.Except(gained).Except(wrong)];
            chosen.AddRange(gained.Take(1).Concat(wrong.Take(perTask - 1)).Concat(others).Concat(gained.Skip(1))
                .Concat(wrong.Skip(perTask - 1)).Take(perTask));
        }

        return [.. chosen];
    }

    private static ScoredToken Token(TokenScores scores, Vocabulary vocabulary, int id, int i)
    {
        TokenAlternatives most = scores.Alternatives!;
        return new ScoredToken(
            id, vocabulary.Show(id), scores.LogProb[i], scores.RQ[i], scores.Value[i],
            [.. scores.References.Select(r => (double)r.LogProb[i])],
            [.. Enumerable.Range(i * most.K, most.K).Select(j => new ScoredAlternative(
                most.Ids[j], vocabulary.Show(most.Ids[j]), most.LogProb[j], [.. most.ReferenceLogProbs.Select(r => r[j])]))]);
    }
}
