using System.Runtime.InteropServices;
using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Data;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Cli.Html;

/// <summary>What a finished SFT or DPR run shows: a table on standard output, and report.html.</summary>
internal static class RunReport
{
    // Held-out prompts whose responses are shown token by token, and the longest response that is.
    private const int MostPrompts = 8, LongestShown = 400;

    /// <summary>Measures the policies on the held-out prompts, prints the table and writes the report.</summary>
    /// <param name="folder">The run.</param>
    /// <param name="evaluation">How to measure.</param>
    /// <param name="configuration">The effective configuration.</param>
    /// <param name="reward">The recovered reward, with π_SFT as its expert.</param>
    /// <param name="policies">The policies to compare, the reward's reference first, the result of the run last.</param>
    /// <param name="terminal">Where the table goes.</param>
    /// <param name="method">"SFT" or "DPR".</param>
    public static void Write(
        RunDirectory folder, RunEvaluation evaluation, TrainingSettings configuration, DenseReward reward,
        IReadOnlyList<(string Name, Transformer Model)> policies,
        Terminal terminal, string method)
    {
        HeldOutPrompts prompts = evaluation.Data.Evaluation;
        string what = configuration.Demonstrated.Task ?? Path.GetFileName(configuration.Demonstrated.Data) ?? "";
        string result = "", table = "";
        Measurement[] rows = [];
        if (prompts.Count > 0)
        {
            rows = Progress.Show(terminal, open =>
            {
                ITrack track = open("evaluation", policies.Count, 0);
                return policies.Select((p, i) =>
                {
                    SamplingOptions sampling = new Measuring(track, () => i, p.Name).Shown(evaluation.Sampling);
                    Measurement row = prompts.Measure(p.Name, p.Model, reward, evaluation.Vocabulary, sampling);
                    track.Report(i + 1, p.Name);
                    return row;
                }).ToArray();
            });
            terminal.Print(PolicyTable.Of(prompts, rows));
            if (PolicyTable.PerTask(rows) is { } perTask) terminal.Print(perTask);
            result = Sentence(prompts, rows[^2], rows[^1]);
            terminal.Print("");
            terminal.Print(result);
            table = prompts.IsAccuracy ? "All accuracies are on held-out prompts, which no training saw." : PolicyTable.Agreement;
        }

        var report = new HtmlReport($"{method}: {what}", $"{result}\n\n{table}");
        if (rows.Length > 0)
        {
            report.Section("What came out").Table(PolicyTable.Of(prompts, rows));
            if (PolicyTable.PerTask(rows) is { } perTask) report.Table(perTask);
        }

        report.Section("Learning curves");
        foreach ((Chart chart, string caption) in RunCharts.Of(RunDirectory.ReadMetrics(folder.Path, warning =>
            terminal.Say($"warning: {warning}")), prompts.Counted))
        {
            report.Chart(chart, caption);
        }
        if (rows.Length > 0)
        {
            string reference = (configuration as DprRun)?.Reference is { } named
                ? Path.GetFileName(Path.TrimEndingDirectorySeparator(named))
                : policies[0].Name;
            Heatmap(report, evaluation, reward, reference, rows);
        }

        report.Section("Configuration")
            .Code(configuration.ToJson().ToJsonString(new JsonSerializerOptions(RunDirectory.Json) { WriteIndented = true }));
        report.Section("Machine").Facts(Machine());
        folder.SaveReport(report.ToHtml());
        terminal.Say($"The run is in {Invocation.Shown(folder.Path)}, its report in {Invocation.Shown(folder.ReportPath)}.");
    }

    /// <summary>The machine that a run ran on.</summary>
    public static IEnumerable<(string Name, string Value)> Machine() =>
    [
        ("machine", $"{Environment.ProcessorCount} cores, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.OSDescription}"),
        ("runtime", RuntimeInformation.FrameworkDescription),
    ];

    // No verdict without an interval that leaves out zero.
    private static string Sentence(HeldOutPrompts prompts, Measurement before, Measurement after)
    {
        PairedGain greedy = PairedGain.Of(before.Greedy.Right, after.Greedy.Right),
            sampled = PairedGain.Of(before.Sampled.Right, after.Sampled.Right);
        string does = prompts.IsAccuracy ? "is" : "agrees", better = prompts.IsAccuracy ? "better" : "more with the demonstrations",
            worse = prompts.IsAccuracy ? "worse" : "less with the demonstrations";
        string verdict = (greedy.Outcome, sampled.Outcome) switch
        {
            (Outcome.Unclear, Outcome.Unclear) => $"{after.Policy} and {before.Policy}: no difference that this many prompts can show",
            (Outcome.Better, Outcome.Worse) or (Outcome.Worse, Outcome.Better) =>
                $"{after.Policy} {does} {better} than {before.Policy} {(greedy.Outcome == Outcome.Better ? "greedy and" : "sampled and")} "
                    + $"{worse} {(greedy.Outcome == Outcome.Better ? "sampled" : "greedy")}",
            (Outcome.Better, Outcome.Unclear) =>
                $"{after.Policy} {does} {better} than {before.Policy} greedy; sampled there is no difference that this many prompts can "
                    + "show",
            (Outcome.Unclear, Outcome.Better) =>
                $"{after.Policy} {does} {better} than {before.Policy} sampled; greedy there is no difference that this many prompts can "
                    + "show",
            (Outcome.Worse, Outcome.Unclear) =>
                $"{after.Policy} {does} {worse} than {before.Policy} greedy; sampled there is no difference that this many prompts can "
                    + "show",
            (Outcome.Unclear, Outcome.Worse) =>
                $"{after.Policy} {does} {worse} than {before.Policy} sampled; greedy there is no difference that this many prompts can "
                    + "show",
            (Outcome.Better, _) => $"{after.Policy} {does} {better} than {before.Policy} here",
            _ => $"{after.Policy} {does} {worse} than {before.Policy} here",
        };
        return $"{verdict}: {char.ToLowerInvariant(prompts.Measured[0])}{prompts.Measured[1..]} "
            + $"{Change(before.Greedy, after.Greedy, greedy)} greedy, "
            + $"{Change(before.Sampled, after.Sampled, sampled)} sampled "
            + $"({greedy.Prompts} held-out prompts, one run; 95% intervals by McNemar's exact test over the prompts leave out what another "
            + "seed would change).";

        static string Change(Accuracy from, Accuracy to, PairedGain gain) =>
            $"{Numbers.Fraction(from.Total)} → {Numbers.Fraction(to.Total)} ({Numbers.SignedFraction(gain.Mean)} "
                + $"{Numbers.SignedRange(gain.Interval)})";
    }

    private static void Heatmap(HtmlReport report, RunEvaluation evaluation, DenseReward reward, string reference, Measurement[] rows)
    {
        HeldOutPrompts prompts = evaluation.Data.Evaluation;
        Measurement before = rows[^2], after = rows[^1];
        int[] shown = [.. Scored.Choose(
                [.. prompts.Texts.Select(text => Data.Tasks.BuiltIn.Of(text)?.Name ?? "")], before.Greedy.Right, after.Greedy.Right,
                perTask: prompts.Examples.Length > 0 ? MostPrompts : 2)
            .Where(i => CanBeShown(before, i) && CanBeShown(after, i))
            .Take(2 * MostPrompts)];
        if (shown.Length == 0) return;
        string[] names = ModelFolder.ReferenceNames(reference);
        IReadOnlyList<ScoredResponse> scored = Scored.Responses(
            reward, names.Length == reward.References.Count ? names : [reference], evaluation.Vocabulary,
            [.. shown.Select(i => (prompts.Ids[i], prompts.Texts[i]))],
            [.. new[] { before, after }.Select(row => (row.Policy, (IReadOnlyList<(int[], bool?)>)[.. shown.Select(i =>
                (row.Greedy.Responses[i].Ids, (bool?)row.Greedy.Right[i]))]))]);
        report.Section("Where the reward is")
            .Paragraph($"Held-out prompts with the greedy responses of {before.Policy} and {after.Policy}, each token coloured by its "
                + "recovered reward.")
            .Heatmap(scored);

        // Short enough to be read, and to be scored by the policies with the smallest context.
        bool CanBeShown(Measurement row, int i)
        {
            int[] response = row.Greedy.Responses[i].Ids;
            return response.Length <= LongestShown && new Example(prompts.Ids[i], response).Positions <= reward.MaxPositions;
        }
    }
}
