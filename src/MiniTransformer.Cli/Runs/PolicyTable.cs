using System.Text.Json.Nodes;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Runs;

/// <summary>What one policy reached on held-out prompts.</summary>
/// <param name="Name">The policy.</param>
/// <param name="Measurement">Its numbers.</param>
/// <param name="LogLikelihood">log π of the user's own held-out completions, a response and a token.</param>
/// <param name="Measured">What accuracy means: "Exact match", or by which verifier.</param>
/// <param name="IsAccuracy">Whether it is accuracy, and not agreement with demonstrations that may be wrong.</param>
internal sealed record PolicyRow(string Name, Measurement Measurement, (double PerResponse, double PerToken)? LogLikelihood, string Measured, bool IsAccuracy)
{
    /// <summary>Measures a policy.</summary>
    public static PolicyRow Measure(string name, Transformer model, DenseReward reward, HeldOutPrompts prompts, Vocabulary vocabulary, SamplingOptions sampling) =>
        new(name, prompts.Measure(model, reward, vocabulary, sampling), prompts.LogLikelihood(model, vocabulary), prompts.Measured, prompts.IsAccuracy)
        {
            TrainedPrompts = Data.TrainedPrompts.Of(model.Companions).CountOf(prompts.Ids),
        };

    /// <summary>Prompts that the policy, or its base, was trained on: only where a file was named to measure on.</summary>
    public int TrainedPrompts { get; init; }

    /// <summary>For machines.</summary>
    public JsonObject ToJson(float temperature)
    {
        Measurement m = Measurement;
        var json = new JsonObject
        {
            ["policy"] = Name,
            ["prompts"] = m.Greedy.Right.Length,
            ["trainedPrompts"] = TrainedPrompts,
            ["measured"] = Measured,
            ["isAccuracy"] = IsAccuracy,
            ["greedy"] = Accuracy(m.Greedy),
            ["sampled"] = Accuracy(m.Sampled),
            ["temperature"] = temperature,
            ["klToSft"] = m.Kl,
            ["reward"] = m.Reward,
            ["entropy"] = m.Entropy,
            ["length"] = m.Length,
            ["ended"] = m.Ended,
        };
        if (LogLikelihood is { } log) json["logLikelihood"] = new JsonObject { ["perResponse"] = log.PerResponse, ["perToken"] = log.PerToken };
        return json;
    }

    /// <summary>How many responses were cut off because the model's context was full.</summary>
    public static int ContextFull(Accuracy accuracy) => accuracy.Responses.Count(r => r.ContextFull);

    private static JsonObject Accuracy(Accuracy accuracy)
    {
        var perTask = new JsonObject();
        foreach ((string task, double value) in accuracy.PerTask) perTask[task] = value;
        return new JsonObject { ["total"] = accuracy.Total, ["meanScore"] = accuracy.MeanScore, ["perTask"] = perTask, ["unread"] = accuracy.Unread, ["judgeFailed"] = accuracy.Failed, ["contextFull"] = ContextFull(accuracy) };
    }
}

/// <summary>Policies compared on the same held-out prompts.</summary>
internal static class PolicyTable
{
    /// <summary>Accuracy and behaviour.</summary>
    public static ReportTable Of(IReadOnlyList<PolicyRow> rows, float temperature = 1)
    {
        bool log = rows.Any(row => row.LogLikelihood is not null);
        bool graded = rows.Any(row => row.Measurement.Greedy.MeanScore != row.Measurement.Greedy.Total || row.Measurement.Sampled.MeanScore != row.Measurement.Sampled.Total);
        string[] headers = ["policy", "greedy", "sampled", .. graded ? ["score, greedy", "score, sampled"] : Array.Empty<string>(), "KL to SFT", "Σ r̂", "entropy", "tokens", "ended", .. log ? ["log π a token"] : Array.Empty<string>()];
        return new ReportTable(
            $"{rows[0].Measured} on {rows[0].Measurement.Greedy.Right.Length} held-out prompts", headers,
            [.. rows.Select(row =>
            {
                Measurement m = row.Measurement;
                ReportCell[] cells =
                [
                    row.Name, Numbers.Fraction(m.Greedy.Total), Numbers.Fraction(m.Sampled.Total),
                    .. graded ? [Numbers.Fraction(m.Greedy.MeanScore), Numbers.Fraction(m.Sampled.MeanScore)] : Array.Empty<ReportCell>(), Numbers.Decimal(m.Kl), Numbers.SignedDecimal(m.Reward),
                    Numbers.Decimal(m.Entropy), Numbers.Decimal(m.Length), Numbers.Fraction(m.Ended),
                ];
                return (IReadOnlyList<ReportCell>)(log ? [.. cells, row.LogLikelihood is { } value ? Numbers.Decimal(value.PerToken) : Numbers.None] : cells);
            })],
            $"Sampled at temperature {temperature.ToString(System.Globalization.CultureInfo.InvariantCulture)}. {(graded ? "A response is right from a score of .5 on; score is the mean. " : "")}KL and Σ r̂ in nats a response, entropy in nats a token{(temperature == 1 ? "" : "; KL and entropy are of the policy at that temperature, KL to SFT at 1")}.{CutOff(rows)}{Remarks(rows)}");
    }

    // Responses that the context cut off, where there are any.
    private static string CutOff(IReadOnlyList<PolicyRow> rows)
    {
        string[] cut =
        [
            .. rows.Select(row => (row.Name, Greedy: PolicyRow.ContextFull(row.Measurement.Greedy), Sampled: PolicyRow.ContextFull(row.Measurement.Sampled)))
                .Where(row => row.Greedy + row.Sampled > 0).Select(row => $"{row.Greedy} greedy and {row.Sampled} sampled of {row.Name}"),
        ];
        return cut.Length == 0 ? "" : $" Responses that filled the model's context before they ended: {string.Join(", ", cut)}.";
    }

    // What wrong responses are wrong for, where it is not the response itself.
    private static string Remarks(IReadOnlyList<PolicyRow> rows)
    {
        string remarks = rows[0].IsAccuracy ? "" : $" {Agreement}";
        if (rows.Any(row => row.TrainedPrompts > 0))
            remarks += $" Prompts among them that the policy, or its base, was trained on: {string.Join(", ", rows.Select(row => $"{row.Name} {row.TrainedPrompts}"))}.";
        if (rows.Any(row => row.Measurement.Greedy.Unread + row.Measurement.Sampled.Unread > 0))
            remarks += $" Wrong because nothing could be read in them, such as a number (greedy / sampled): {Counts(a => a.Unread)}.";
        if (rows.Any(row => row.Measurement.Greedy.Failed + row.Measurement.Sampled.Failed > 0))
            remarks += $" Wrong because the judge failed on them (greedy / sampled): {Counts(a => a.Failed)}.";
        return remarks;

        string Counts(Func<Accuracy, int> count) => string.Join(", ", rows.Select(row => $"{row.Name} {count(row.Measurement.Greedy)} / {count(row.Measurement.Sampled)}"));
    }

    /// <summary>What agreement is not.</summary>
    public const string Agreement =
        "This is agreement with demonstrations and not accuracy: where they are wrong, so is a response that agrees. Give right answers to measure accuracy: --eval-data, or a field answer in each line.";

    /// <summary>Accuracy per task, or null where there are no tasks.</summary>
    public static ReportTable? PerTask(IReadOnlyList<PolicyRow> rows)
    {
        string[] tasks = [.. rows[0].Measurement.Greedy.PerTask.Keys];
        return tasks.Length == 0
            ? null
            : new ReportTable("Accuracy per task", ["policy", .. tasks],
                [.. rows.Select(row => (IReadOnlyList<ReportCell>)[row.Name, .. tasks.Select(t => (ReportCell)
                    $"{Numbers.Fraction(row.Measurement.Greedy.PerTask[t])} / {Numbers.Fraction(row.Measurement.Sampled.PerTask[t])}")])],
                "Greedy / sampled.");
    }
}
