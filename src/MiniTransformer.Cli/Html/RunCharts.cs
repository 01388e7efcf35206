using System.Text.Json;

namespace MiniTransformer.Cli.Html;

/// <summary>The learning curves of a run, from its metrics.</summary>
internal static class RunCharts
{
    /// <summary>The charts that the metrics have data for, with a caption each.</summary>
    /// <param name="metrics">The lines.</param>
    /// <param name="counted">"accuracy", or what is counted in its place.</param>
    public static IEnumerable<(Chart Chart, string Caption)> Of(IReadOnlyList<JsonElement> metrics, string counted)
    {
        JsonElement[] points = [.. metrics.Where(line => Text(line, "kind") == "evaluation")];
        JsonElement[] sft = [.. metrics.Where(line => Text(line, "kind") is null && Text(line, "phase") == "sft")];
        JsonElement[] dpr = [.. metrics.Where(line => Text(line, "kind") is null && Text(line, "phase") == "dpr")];
        if (sft.Length > 0)
        {
            ChartSeries[] lines = [Line("training", sft, "loss"), .. HeldOutLoss(points)];
            yield return (new Chart("SFT loss", "update", "loss (nats a response token)", lines),
                "Minus the mean log probability of the demonstrated tokens.");
        }

        if (dpr.Length > 0)
        {
            yield return (new Chart("Reward and KL in DPR", "update", "nats a response",
                [Line("reward Σ r̂", dpr, "reward"), Line("KL(π‖π_SFT)", dpr, "kl")]),
                "Of the responses that each update drew.");
            yield return (new Chart("Entropy", "update", "nats a token", [Line("entropy", dpr, "entropy")]),
                "Mean at the states that the policy visited.");
            yield return (new Chart("Response length", "update", "tokens", [Line("length", dpr, "length")]),
                "The end token included. Watch it: a reward that pays for every token pays for length.");
        }

        if (points.Length > 1)
        {
            yield return (new Chart($"{char.ToUpperInvariant(counted[0])}{counted[1..]} on held-out prompts", "update",
                $"{counted} (fraction)", [Line("greedy", points, "greedy"), Line("sampled", points, "sampled")])
            { YMinimum = 0, YMaximum = 1 }, "Measured on validation prompts that no training saw.");
        }
    }

    private static ChartSeries[] HeldOutLoss(JsonElement[] points)
    {
        JsonElement[] measured =
            [.. points.Where(p => p.TryGetProperty("heldOutLoss", out JsonElement v) && v.ValueKind == JsonValueKind.Number)];
        return measured.Length > 1 ? [Line("held out", measured, "heldOutLoss")] : [];
    }

    private static ChartSeries Line(string name, JsonElement[] lines, string field) => new(
        name, [.. lines.Select(l => l.GetProperty("step").GetDouble())],
        [.. lines.Select(l => l.GetProperty(field).ValueKind == JsonValueKind.Number ? l.GetProperty(field).GetDouble() : double.NaN)]);

    private static string? Text(JsonElement line, string field) =>
        line.ValueKind == JsonValueKind.Object && line.TryGetProperty(field, out JsonElement value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
