using MiniTransformer.Data;
using MiniTransformer.Reports;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Responses with each token's recovered rewards.</summary>
internal static class Scored
{
    /// <summary>The rewards of a batch's responses, token by token.</summary>
    public static ScoredToken[][] Tokens(DenseReward reward, Vocabulary vocabulary, IReadOnlyList<Example> examples)
    {
        var batch = new ResponseBatch(examples, vocabulary.PadId);
        RecoveredRewards r = reward.Recover(batch);
        return [.. examples.Select((example, b) => example.ResponseIds.Select((id, t) =>
        {
            int i = batch.Starts[b] + t;
            return new ScoredToken(id, vocabulary.Show(id), r.LogProb[i], r.ReferenceLogProb[i], r.RQ[i], r.LogProb[i], r.RHat[i]);
        }).ToArray())];
    }

    /// <summary>The same held-out prompts answered by several policies.</summary>
    /// <param name="reward">The reward.</param>
    /// <param name="vocabulary">What ids mean.</param>
    /// <param name="prompts">Token ids and text of each prompt.</param>
    /// <param name="answers">For each policy its name, and its responses and whether they are right (null: unknown), one a prompt.</param>
    public static IReadOnlyList<ScoredResponse> Responses(
        DenseReward reward, Vocabulary vocabulary, IReadOnlyList<(int[] Ids, string Text)> prompts,
        IReadOnlyList<(string Name, IReadOnlyList<(int[] Ids, bool? Right)> Responses)> answers)
    {
        var scored = new List<ScoredResponse>();
        for (int i = 0; i < prompts.Count; i++)
        {
            Example[] examples = [.. answers.Select(a => new Example(prompts[i].Ids, a.Responses[i].Ids))];
            ScoredToken[][] tokens = Tokens(reward, vocabulary, examples);
            for (int a = 0; a < answers.Count; a++) scored.Add(new ScoredResponse(prompts[i].Text, tokens[a], answers[a].Responses[i].Right, answers[a].Name));
        }

        return scored;
    }

    /// <summary>Which prompts to show: of each task in turn one that the last policy alone gets right, then one that it gets wrong.</summary>
    /// <param name="tasks">The task of each prompt, or the same word for all.</param>
    /// <param name="before">Whether the earlier policy is right.</param>
    /// <param name="after">Whether the last policy is right.</param>
    /// <param name="perTask">Prompts of each task.</param>
    public static int[] Choose(IReadOnlyList<string> tasks, IReadOnlyList<bool> before, IReadOnlyList<bool> after, int perTask = 2)
    {
        var chosen = new List<int>();
        foreach (IGrouping<string, int> group in Enumerable.Range(0, tasks.Count).GroupBy(i => tasks[i]))
        {
            int[] gained = [.. group.Where(i => !before[i] && after[i])], wrong = [.. group.Where(i => !after[i])], others = [.. group.Except(gained).Except(wrong)];
            chosen.AddRange(gained.Take(1).Concat(wrong.Take(perTask - 1)).Concat(others).Concat(gained.Skip(1)).Concat(wrong.Skip(perTask - 1)).Take(perTask));
        }

        return [.. chosen];
    }
}
