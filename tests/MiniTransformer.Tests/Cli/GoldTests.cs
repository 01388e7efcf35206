using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>
/// What responses are judged by: right answers where there are some; without them it is agreement with the demonstrations, and said so.
/// </summary>
public sealed class GoldTests
{
    private static readonly string[] Small = ["--hidden", "16", "--layers", "1", "--heads", "2", "--batch", "16", "--threads", "1", "--lr",
        "1e-2"];

    // Demonstrations that all say "a", where "b" is right.
    private static string[] Lines(int from, int to, string fields) =>
        [.. Enumerable.Range(from, to - from).Select(i => "{" + $"\"prompt\": \"p{i}:\", " + fields + "}")];

    private const string Wrong = "\"completion\": \"a\"";

    [Fact]
    public void Without_right_answers_everything_says_agreement()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, Wrong));
        CliResult sft = Cli.Done(["sft", "--data", folder["own.jsonl"], "--steps", "40", "--out", folder["sft"], .. Small]);
        JsonElement[] metrics = [.. RunDirectory.ReadMetrics(folder["sft"])],
            points = [.. metrics.Where(line => line.TryGetProperty("heldOutLoss", out _))];
        double first = metrics.First(line => line.TryGetProperty("loss", out _)).GetProperty("loss").GetDouble();
        // a loss as that of training, of all prompts alike before it
        Assert.Equal(first, points[0].GetProperty("heldOutLoss").GetDouble(), .3);
        Assert.InRange(points[^1].GetProperty("heldOutLoss").GetDouble(), 0, first / 2);
        Assert.Contains("Agreement with the demonstrations on 4 held-out prompts", sft.Out, StringComparison.Ordinal);
        Assert.Contains("no difference that this many prompts can show: agreement with the demonstrations", sft.Out,
            StringComparison.Ordinal);
        string report = File.ReadAllText(folder["sft/report.html"]);
        Assert.Contains("Agreement with the demonstrations on held-out prompts", report, StringComparison.Ordinal);
        CliResult credit = Cli.Done("credit", "--run", folder["sft"], "--data", Two(), "--plant", "--threads", "1");
        Assert.Contains("2 demonstrated responses", credit.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("right responses", credit.Out, StringComparison.Ordinal);
        CliResult advice = Cli.Done("advise", "--run", folder["sft"], "--continued-steps", "1", "--threads", "1");
        Assert.Contains("agreement with the demonstrations", advice.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("accuracy", advice.Out, StringComparison.OrdinalIgnoreCase);
        JsonElement eval = Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single();
        Assert.False(eval.GetProperty("isAccuracy").GetBoolean());

        string Two()
        {
            File.WriteAllLines(folder["two.jsonl"], ["""{"prompt": "x", "completion": "ab"}""", """{"prompt": "y", "completion": "ba"}"""]);
            return folder["two.jsonl"];
        }
    }

    [Theory]
    [InlineData("gold")]
    [InlineData("answer")]
    public void A_lines_right_answer_is_what_responses_are_judged_by(string field)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, $"{Wrong}, \"{field}\": \"b\""));
        CliResult sft = Cli.Done(["sft", "--data", folder["own.jsonl"], "--steps", "40", "--evaluate-every", "0", "--out", folder["sft"],
            .. Small]);
        Assert.Contains("Exact match on 4 held-out prompts", sft.Out, StringComparison.Ordinal);
        JsonElement eval = Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single();
        Assert.True(eval.GetProperty("isAccuracy").GetBoolean());
        Assert.Equal(0, eval.GetProperty("greedy").GetProperty("total").GetDouble()); // it has learned "a"
        File.WriteAllLines(folder["a.jsonl"], Lines(100, 110, $"\"{field}\": \"a\""));
        eval = Cli.Done("eval", "--run", folder["sft"], "--eval-data", folder["a.jsonl"], "--json", "--threads", "1").Json.Single();
        Assert.Equal(1, eval.GetProperty("greedy").GetProperty("total").GetDouble());
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("regex:^a$")]
    public void A_prompt_with_several_right_answers_is_asked_once_and_any_of_them_is_right(string how)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, Wrong));
        Cli.Done(["sft", "--data", folder["own.jsonl"], "--steps", "40", "--evaluate-every", "0", "--out", folder["sft"], .. Small]);
        File.WriteAllLines(folder["gold.jsonl"], [.. Lines(100, 110, "\"gold\": \"b\""), .. Lines(100, 110, "\"gold\": \"a\"")]);
        CliResult eval = Cli.Done("eval", "--run", folder["sft"], "--eval-data", folder["gold.jsonl"], "--verify", how, "--threads", "1");
        Assert.Contains("on 10 held-out prompts", eval.Out, StringComparison.Ordinal);
        JsonElement json = Cli.Done("eval", "--run", folder["sft"], "--eval-data", folder["gold.jsonl"], "--verify", how, "--json",
            "--threads", "1").Json.Single();
        Assert.Equal(1, json.GetProperty("greedy").GetProperty("total").GetDouble()); // it has learned "a"
    }

    [Fact]
    public void Prompts_of_the_file_to_measure_on_never_train()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, Wrong));
        File.WriteAllLines(folder["gold.jsonl"], Lines(30, 50, "\"answer\": \"b\""));
        CliResult sft = Cli.Done(["sft", "--data", folder["own.jsonl"], "--eval-data", folder["gold.jsonl"], "--steps", "2",
            "--evaluate-every", "0", "--out", folder["sft"], .. Small]);
        Assert.Contains("10 of 40 demonstrations answer prompts of --eval-data and are left out of training.", sft.Error,
            StringComparison.Ordinal);
        Assert.Contains("SFT: 30 demonstrations", sft.Error, StringComparison.Ordinal);
        Assert.Contains("Exact match on 20 held-out prompts", sft.Out, StringComparison.Ordinal);

        // DPR is measured on the same; prompts to answer that are evaluated are left out; of another file those that SFT was trained on are
        // not measured.
        File.WriteAllLines(folder["prompts.jsonl"], Enumerable.Range(28, 6).Select(i => $$"""{"prompt": "p{{i}}:"}"""));
        string[] dpr = ["dpr", "--run", folder["sft"], "--reference", "half", "--updates", "1", "--prompts-per-update", "2",
            "--evaluate-every", "0", "--threads", "1"];
        CliResult answered = Cli.Done([.. dpr, "--prompts", folder["prompts.jsonl"], "--out", folder["dpr"]]);
        Assert.Contains("4 of 6 prompts are those of --eval-data and are left out.", answered.Error, StringComparison.Ordinal);
        Assert.Contains("Exact match on 20 held-out prompts", answered.Out, StringComparison.Ordinal);
        File.WriteAllLines(folder["other.jsonl"], Lines(25, 60, "\"gold\": \"b\""));
        CliResult other = Cli.Done([.. dpr, "--eval-data", folder["other.jsonl"], "--out", folder["dpr2"]]);
        Assert.Contains("5 of 35 lines of --eval-data have prompts that SFT was trained on", other.Error, StringComparison.Ordinal);
        Assert.Contains("Exact match on 30 held-out prompts", other.Out, StringComparison.Ordinal);

        // A changed file is refused by name.
        File.AppendAllText(folder["gold.jsonl"], "{\"prompt\": \"new\", \"gold\": \"b\"}\n");
        Assert.Contains("gold.jsonl', the data to measure on (--eval-data), has changed since the run began",
            Cli.Run("eval", "--run", folder["sft"]).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--eval-data goes with --data", "sft", "--task", "reverse", "--eval-data", "x.jsonl", "--out", "nowhere")]
    [InlineData("--data and --eval-data do not go together", "eval", "--run", "x", "--data", "y", "--eval-data", "z")]
    public void Bad_usage_is_said(string expected, params string[] args)
    {
        CliResult result = Cli.Run(args);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_with_and_without_right_answers_are_not_mixed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["gold.jsonl"], [.. Lines(0, 5, Wrong), .. Lines(5, 9, $"{Wrong}, \"gold\": 7")]);
        File.WriteAllLines(folder["own.jsonl"], Lines(20, 40, Wrong));
        CliResult result = Cli.Run(["sft", "--data", folder["own.jsonl"], "--eval-data", folder["gold.jsonl"], "--steps", "1", "--out",
            folder["sft"], .. Small]);
        Assert.Contains("gold.jsonl:1: other lines have a right answer", result.Error, StringComparison.Ordinal);
        File.WriteAllLines(folder["both.jsonl"], ["{\"prompt\": \"p\", \"gold\": \"a\", \"answer\": \"b\"}"]);
        Assert.Contains(
            "'answer' and 'gold' are the same field",
            Cli.Run(["sft", "--data", folder["own.jsonl"], "--eval-data", folder["both.jsonl"], "--steps", "1", "--out", folder["sft"],
                .. Small]).Error,
            StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_judge_that_hangs_on_one_response_costs_its_points_and_not_the_run()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, Wrong));

        // It has learned to say "a", on which the judge hangs in one of four prompts; on right answers it is asked about others.
        string judge = "command:read -r line; case $line in *'\"p3'*) sleep 600;; *) echo 1;; esac";
        CliResult sft = Cli.Done(
            ["sft", "--data", folder["own.jsonl"], "--held-out", "0.9", "--verify", judge, "--judge-timeout", "2", "--steps", "40",
                "--evaluate-every", "0", "--out", folder["sft"], .. Small]);
        Assert.Contains("(prompt 'p3", sft.Error, StringComparison.Ordinal);
        Assert.Contains("took more than 2 s on the response", sft.Error, StringComparison.Ordinal);
        Assert.Contains("Wrong because the judge failed on them", sft.Out, StringComparison.Ordinal);
        Assert.True(Directory.Exists(folder["sft/checkpoints/final"]));
    }

    [Fact]
    public void Responses_in_which_no_number_can_be_read_are_counted()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Lines(0, 40, $"{Wrong}, \"gold\": \"\\\\boxed{{7}}\""));
        Cli.Done(["sft", "--data", folder["own.jsonl"], "--verify", "numeric", "--steps", "40", "--evaluate-every", "0", "--out",
            folder["sft"], .. Small]);
        CliResult eval = Cli.Done("eval", "--run", folder["sft"], "--threads", "1");
        Assert.Contains("Wrong because nothing could be read in them, such as a number (greedy / sampled): final 4 /", eval.Out,
            StringComparison.Ordinal);
        Assert.Equal(4, Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single().GetProperty("greedy")
            .GetProperty("unread").GetInt32());
    }
}
