using MiniTransformer.Cli.Prove;
using MiniTransformer.Data;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Prove;

/// <summary>The formulas that training uses, each with one mistake.</summary>
internal static class BrokenFormulas
{
    /// <summary>
    /// The inverse-Q loss with its three places where a mistake is easy: the start's value, the next state's row, the terminal state.
    /// </summary>
    public static Loss InverseQ(float startSign = 1, int next = 1, bool terminalIsZero = true) => (tape, policy, batch, scale) =>
    {
        int n = batch.N;
        int[] rows = new int[n];
        float[] hasNext = new float[n], isFirst = new float[n], one = Enumerable.Repeat(1f, n).ToArray();
        for (int b = 0; b < batch.B; b++)
        {
            for (int i = batch.Starts[b]; i < batch.Starts[b + 1]; i++)
            {
                rows[i] = Math.Min(i + next, n - 1);
                hasNext[i] = i + 1 == batch.Starts[b + 1] && terminalIsZero ? 0 : 1;
                isFirst[i] = i == batch.Starts[b] ? startSign : 0;
            }
        }

        var shape = new Shape(n);
        Tensor v = policy.LogSumExp();
        Tensor vNext = v.Reshape(new Shape(n, 1)).SelectRows(tape.Ids(rows, shape)).Reshape(shape) * tape.Constant(hasNext, shape);
        return v.WeightedSum(tape.Constant(isFirst, shape), scale) - (policy.Q(tape.Targets(batch)) - vNext)
            .WeightedSum(tape.Constant(one, shape), scale);
    };

    /// <summary>Each mistake, and the statements that it makes false.</summary>
    public static IReadOnlyDictionary<string, (Formulas Formulas, string[] False)> All
    {
        get;
    } = new Dictionary<string, (Formulas, string[])>
    {
        ["V(s_0) added"] = (new Formulas { InverseQ = InverseQ(startSign: -1) }, ["T1", "T2"]),
        ["V(s_0) left out"] = (new Formulas { InverseQ = InverseQ(startSign: 0) }, ["T1", "T2"]),
        ["V(s_t) instead of V(s_{t+1})"] = (new Formulas { InverseQ = InverseQ(next: 0) }, ["T1", "T2"]),
        ["V(s_{t+2}) instead of V(s_{t+1})"] = (new Formulas { InverseQ = InverseQ(next: 2) }, ["T1", "T2"]),
        ["the next response's V(s_0) as the terminal value"] = (new Formulas { InverseQ = InverseQ(terminalIsZero: false) }, ["T1", "T2"]),
        ["cross-entropy of the wrong sign"] =
            (new Formulas { Sft = (tape, logits, batch, scale) => new Objective().Loss(tape, logits, batch, -scale) }, ["T1", "T2"]),
        ["cross-entropy divided by sequences"] =
            (new Formulas { Sft = (tape, logits, batch, _) => new Objective().Loss(tape, logits, batch, 1f / batch.B) }, ["T1", "T2"]),
        ["r_Q without V(s′)"] = (Rewards((r, batch) => r with { RQ = [.. r.RQ.Zip(Next(r, batch), (x, v) => x + v)] }), ["T3"]),
        ["V(s) of the token before"] = (Rewards((r, _) => r with { Value = [0, .. r.Value[..^1]] }), ["T3"]),
        ["log π and r_Q scaled alike"] =
            (Rewards((r, _) => r with { RQ = Twice(r.RQ), Value = Twice(r.Value), LogProb = Twice(r.LogProb) }), ["T3", "T5"]),
        ["r̂ with π_SFT and π_ref swapped"] = (Rewards((r, _) => r with { RHat = [.. r.RHat.Select(x => -x)] }), ["T4", "T5"]),
        ["r̂ without π_ref"] = (Rewards((r, _) => r with { RHat = r.LogProb }), ["T4", "T5"]),
        ["r̂ of the last token left out"] =
            (Rewards((r, batch) => r with { RHat = [.. r.RHat.Select((x, i) => batch.Starts.Contains(i + 1) ? 0 : x)] }), ["T4", "T5"]),
        ["the return from the start"] = (new Formulas { ToGo = FromTheStart }, ["T5"]),
        ["the return without its own token"] =
            (new Formulas { ToGo = (r, starts, gamma) => [.. Returns.ToGo(r, starts, gamma).Zip(r, (g, own) => g - own)] }, ["T5"]),
        ["half the KL"] = (new Formulas { Kl = (logits, reference) => logits.KlDivergence(reference).Scale(0.5f) }, ["T7a", "T7b"]),
        ["entropy instead of KL"] = (new Formulas { Kl = (logits, _) => logits.Entropy() }, ["T7a", "T7b"]),
        ["draws at temperature 2"] = (new Formulas { Reinforcement = new DprOptions { Temperature = 2 } }, ["T6"]),
        ["an entropy bonus that nobody asked for"] = (new Formulas { Reinforcement = new DprOptions { EntropyBonus = 0.3 } }, ["T6"]),
    };

    private static Formulas Rewards(Func<RecoveredRewards, ResponseBatch, RecoveredRewards> change) =>
        new() { Recover = (reward, batch) => change(reward.Recover(batch), batch) };

    private static IEnumerable<float> Next(RecoveredRewards r, ResponseBatch batch) =>
        r.Value.Select((_, i) => batch.Starts.Contains(i + 1) ? 0 : r.Value[i + 1]);

    private static float[] Twice(float[] x) => [.. x.Select(v => 2 * v)];

    private static float[] FromTheStart(float[] rewards, int[] starts, double gamma)
    {
        var returns = new float[rewards.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            double sum = 0;
            for (int i = starts[b]; i < starts[b + 1]; i++) returns[i] = (float)(sum = rewards[i] + gamma * sum);
        }

        return returns;
    }
}
