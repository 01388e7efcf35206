using System.Text.Json.Nodes;
using MiniTransformer.Lab;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>Policies compared on the same held-out prompts.</summary>
internal static class PolicyTable
{
    /// <summary>What one policy reached, for machines.</summary>
    public static JsonObject ToJson(HeldOutPrompts prompts, Measurement m, float temperature)
    {
        var json = new JsonObject
        {
            ["policy"] = m.Policy,
            ["prompts"] = m.Greedy.Right.Length,
            ["trainedPrompts"] = m.TrainedPrompts,
            ["measured"] = prompts.Measured,
            ["isAccuracy"] = prompts.IsAccuracy,
            ["greedy"] = Accuracy(m.Greedy),
            ["sampled"] = Accuracy(m.Sampled),
            ["temperature"] = temperature,
            ["klToSft"] = m.Kl,
            ["reward"] = m.Reward,
            ["entropy"] = m.Entropy,
            ["length"] = m.Length,
            ["ended"] = m.Ended,
        };
        if (m.LogLikelihood is { } log)
        {
            json["logLikelihood"] = new JsonObject { ["perResponse"] = log.PerResponse, ["perToken"] = log.PerToken };
        }
        return json;
    }

    /// <summary>Accuracy and behaviour.</summary>
    public static ReportTable Of(HeldOutPrompts prompts, IReadOnlyList<Measurement> rows, float temperature = 1)
    {
        bool log = rows.Any(row => row.LogLikelihood is not null);
        bool graded = rows.Any(row => row.Greedy.MeanScore != row.Greedy.Total || row.Sampled.MeanScore != row.Sampled.Total);
        string[] headers = ["policy", "greedy", "sampled", .. graded ? ["score, greedy", "score, sampled"] : Array.Empty<string>(),
            "KL to SFT", "Σ r̂", "entropy", "tokens", "ended", .. log ? ["log π a token"] : Array.Empty<string>()];
        return new ReportTable(
            $"{prompts.Measured} on {rows[0].Greedy.Right.Length} held-out prompts", headers,
            [.. rows.Select(m =>
            {
                ReportCell[] cells =
                [
                    m.Policy, Numbers.Fraction(m.Greedy.Total), Numbers.Fraction(m.Sampled.Total),
                    .. graded ? [Numbers.Fraction(m.Greedy.MeanScore), Numbers.Fraction(m.Sampled.MeanScore)] : Array.Empty<ReportCell>(),
                    Numbers.Decimal(m.Kl), Numbers.SignedDecimal(m.Reward),
                    Numbers.Decimal(m.Entropy), Numbers.Decimal(m.Length), Numbers.Fraction(m.Ended),
                ];
                return (IReadOnlyList<ReportCell>)(log
                    ? [.. cells, m.LogLikelihood is { } value ? Numbers.Decimal(value.PerToken) : Numbers.None]
                    : cells);
            })],
            $"Sampled at temperature {temperature.ToString(System.Globalization.CultureInfo.InvariantCulture)}. "
                + (graded ? "A response is right from a score of .5 on; score is the mean. " : "")
                + "KL and Σ r̂ in nats a response, entropy in nats a token"
                + (temperature == 1 ? "" : "; KL and entropy are of the policy at that temperature, KL to SFT at 1")
                + $".{CutOff(rows)}{Remarks(prompts, rows)}");
    }

    // Responses that the context cut off, where there are any.
    private static string CutOff(IReadOnlyList<Measurement> rows)
    {
        string[] cut =
        [
            .. rows.Select(row => (row.Policy, Greedy: ContextFull(row.Greedy), Sampled: ContextFull(row.Sampled)))
                .Where(row => row.Greedy + row.Sampled > 0).Select(row => $"{row.Greedy} greedy and {row.Sampled} sampled of {row.Policy}"),
        ];
        return cut.Length == 0 ? "" : $" Responses that filled the model's context before they ended: {string.Join(", ", cut)}.";
    }

    // What wrong responses are wrong for, where it is not the response itself.
    private static string Remarks(HeldOutPrompts prompts, IReadOnlyList<Measurement> rows)
    {
        string remarks = prompts.IsAccuracy ? "" : $" {Agreement}";
        if (rows.Any(row => row.TrainedPrompts > 0))
            remarks += " Prompts among them that the policy, or its base, was trained on: "
                + $"{string.Join(", ", rows.Select(row => $"{row.Policy} {row.TrainedPrompts}"))}.";
        if (rows.Any(row => row.Greedy.Unread + row.Sampled.Unread > 0))
            remarks += $" Wrong because nothing could be read in them, such as a number (greedy / sampled): {Counts(a => a.Unread)}.";
        if (rows.Any(row => row.Greedy.Failed + row.Sampled.Failed > 0))
            remarks += $" Wrong because the judge failed on them (greedy / sampled): {Counts(a => a.Failed)}.";
        return remarks;

        string Counts(Func<Accuracy, int> count) =>
            string.Join(", ", rows.Select(row => $"{row.Policy} {count(row.Greedy)} / {count(row.Sampled)}"));
    }

    /// <summary>What agreement is not.</summary>
    public const string Agreement =
        "This is agreement with demonstrations and not accuracy: where they are wrong, so is a response that agrees. Give right answers to "
            + "measure accuracy: --eval-data, or a field answer in each line.";

    /// <summary>Accuracy per task, or null where there are no tasks.</summary>
    public static ReportTable? PerTask(IReadOnlyList<Measurement> rows)
    {
        string[] tasks = [.. rows[0].Greedy.PerTask.Keys];
        return tasks.Length == 0
            ? null
            : new ReportTable("Accuracy per task", ["policy", .. tasks],
                [.. rows.Select(row => (IReadOnlyList<ReportCell>)[row.Policy, .. tasks.Select(t => (ReportCell)
                    $"{Numbers.Fraction(row.Greedy.PerTask[t])} / {Numbers.Fraction(row.Sampled.PerTask[t])}")])],
                "Greedy / sampled.");
    }

    // Responses that were cut off because the model's context was full.
    private static int ContextFull(Accuracy accuracy) => accuracy.Responses.Count(r => r.ContextFull);

    private static JsonObject Accuracy(Accuracy accuracy)
    {
        var perTask = new JsonObject();
        foreach ((string task, double value) in accuracy.PerTask) perTask[task] = value;
        return new JsonObject
        {
            ["total"] = accuracy.Total,
            ["meanScore"] = accuracy.MeanScore,
            ["perTask"] = perTask,
            ["unread"] = accuracy.Unread,
            ["judgeFailed"] = accuracy.Failed,
            ["contextFull"] = ContextFull(accuracy),
        };
    }
}
