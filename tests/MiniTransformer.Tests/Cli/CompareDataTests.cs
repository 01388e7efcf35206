using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>compare --data: regimes of the user's own files.</summary>
public sealed class CompareDataTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Data => folder["my sums.jsonl"];

    private string[] Small =>
        ["compare", "--smoke", "--data", Data, "--verify", "numeric", "--held-out", "0.2", "--validation", "0.2", "--seeds", "1",
            "--sweep-seeds", "0", "--threads", "1"];

    public CompareDataTests() =>
        File.WriteAllLines(Data, Enumerable.Range(10, 60).Select(i => $$"""{"prompt": "{{i}}+1 is ", "completion": "it is {{i + 1}}"}"""));

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Own_data_are_compared_in_the_same_harness_and_resumed_with_the_same_results()
    {
        CliResult whole = Cli.Done([.. Small, "--out", folder["whole"]]);
        Assert.Contains("my-sums: own data, 36 demonstrations of 36 prompts", whole.Error, StringComparison.Ordinal);
        Assert.Contains("12 evaluation prompts are few", whole.Error, StringComparison.Ordinal);
        string tables = File.ReadAllText(Path.Combine(folder["whole"], "results.md"));
        Assert.Contains("at temperature 1: agreement with the demonstrations by numeric", tables, StringComparison.Ordinal);

        // A model of a few updates writes no numbers: what could not be read is counted, cell by cell and in total.
        JsonElement[] cells = [.. File.ReadLines(Path.Combine(folder["whole"], "results.jsonl"))
            .Select(l => JsonSerializer.Deserialize<JsonElement>(l))];
        int unread = cells.Sum(c => c.GetProperty("unread").GetInt32());
        Assert.All(cells, c => Assert.InRange(c.GetProperty("unread").GetInt32(), 0, 2 * 12));
        Assert.All(cells, c => Assert.Equal(0, c.GetProperty("judgeFailed").GetInt32()));
        Assert.Equal(unread > 0,
            tables.Contains($"such as a number, greedy and sampled of all seeds: {unread} in total", StringComparison.Ordinal));

        string killed = folder["killed"], world = Path.Combine(killed, "worlds", "my-sums-seed-1.json");
        KilledProcess.Run([.. Small, "--out", killed], () => File.Exists(world) && new FileInfo(world).Length > 5000);
        Cli.Done("compare", "--out", killed, "--resume");
        foreach (string file in new[] { "results.jsonl", "results.md" })
            Assert.Equal(File.ReadAllText(Path.Combine(folder["whole"], file)), File.ReadAllText(Path.Combine(killed, file)));

        // Neither other data nor other flags are taken for the same comparison.
        File.AppendAllText(Data, """{"prompt": "8+1 is ", "completion": "9"}""" + "\n");
        CliResult changed = Cli.Run("compare", "--out", killed, "--resume");
        Assert.Equal(ExitCode.Failed, changed.Code);
        Assert.Contains("the data (--data), has changed since the run began", changed.Error, StringComparison.Ordinal);
        Assert.Contains("is not what the run began with", Cli.Run("compare", "--out", killed, "--resume", "--held-out", "0.3").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_several_cells_could_not_judge_at_once_is_counted_apart()
    {
        var log = new MiniTransformer.Judges.JudgeLog();
        Parallel.For(1, 9, new ParallelOptions { MaxDegreeOfParallelism = 4 }, cell =>
        {
            MiniTransformer.Judges.JudgeTally tally = log.Begin();
            Task.Run(() => Parallel.For(0, cell, _ => log.NotRead())).GetAwaiter().GetResult();
            Assert.Equal((cell, 0), (tally.Unread, tally.Failed));
        });
        Assert.Equal(36, log.Unread);
    }

    [Fact]
    public void Data_in_their_order_are_compared_with_continued_SFT_on_the_second_half_too()
    {
        Cli.Done([.. Small, "--in-order", "--out", folder["ordered"]]);
        string[] cells = File.ReadAllLines(Path.Combine(folder["ordered"], "results.jsonl"));
        Assert.Contains("continued SFT, last part",
            cells.Select(cell => JsonDocument.Parse(cell).RootElement.GetProperty("method").GetString()));
        string report = File.ReadAllText(Path.Combine(folder["ordered"], "report.html"));
        Assert.Contains("--in-order", report, StringComparison.Ordinal);
        Assert.Contains("taken in their order", report, StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_command_in_a_run_s_folder_is_not_started_unless_it_is_named_again()
    {
        string ran = folder["ran"];
        string[] args = [.. Small.Select(a => a == "numeric" ? $"command:touch {ran}; echo 1" : a)];
        CliResult stopped = Cli.RunStopped(() => File.Exists(Path.Combine(folder["run"], "run.json")), [.. args, "--out", folder["run"]]);
        Assert.Equal(ExitCode.Interrupted, stopped.Code);
        Assert.Contains($"--resume --verify 'command:touch {ran}; echo 1'", stopped.Error, StringComparison.Ordinal);
        File.Delete(ran);
        CliResult refused = Cli.Run("compare", "--out", folder["run"], "--resume");
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("is started only when it is given again", refused.Error, StringComparison.Ordinal);
        Cli.Done("compare", "--out", folder["run"], "--report-only");
        Assert.False(File.Exists(ran));
    }

    [Theory]
    [InlineData("--verify is needed with --data", "--data", "own.jsonl")]
    [InlineData("there is no file", "--data", "none.jsonl", "--verify", "exact")]
    [InlineData("bad.jsonl:2:", "--data", "bad.jsonl", "--verify", "exact")]
    [InlineData("there are 3 different prompts", "--data", "few.jsonl", "--verify", "exact")]
    [InlineData("own.jsonl:60: the right answer 'none' holds no number", "--data", "own.jsonl", "--verify", "numeric", "--held-out", ".2",
        "--validation", ".2")]
    [InlineData("two regimes would be called 'own'", "--data", "own.jsonl", "--data", "other/own.jsonl", "--verify", "exact")]
    [InlineData("--verify goes with --data", "--verify", "exact")]
    [InlineData("--in-order goes with --data", "--in-order")]
    [InlineData("--base goes with --data", "--base", "base")]
    [InlineData("together they must be less than 1", "--data", "own.jsonl", "--verify", "exact", "--held-out", ".5", "--validation", ".5")]
    [InlineData("--base: there is no folder", "--data", "own.jsonl", "--verify", "exact", "--base", "nowhere")]
    [InlineData("positions, and the model has 20", "--data", "own.jsonl", "--verify", "exact", "--base", "short", "--held-out", ".2",
        "--validation", ".2")]
    [InlineData("the model has no tokenizer", "--data", "own.jsonl", "--verify", "exact", "--base", "foreign")]
    [InlineData("leaves nothing to compare in", "--regimes", "none")]
    public void What_will_not_do_is_said_before_anything_is_written(string said, params string[] args)
    {
        File.WriteAllLines(folder["own.jsonl"], Enumerable.Range(0, 60)
            .Select(i => $$"""{"prompt": "one more than {{i:00}}", "completion": "{{(i < 59 ? $"{i + 1}" : "none")}}"}"""));
        File.WriteAllLines(folder["bad.jsonl"], ["""{"prompt": "a", "completion": "b"}""", """{"prompt": "a", "completion": """]);
        File.WriteAllLines(folder["few.jsonl"], Enumerable.Range(0, 3).Select(i => $$"""{"prompt": "{{i}}", "completion": "b"}"""));
        if (args.Contains("short") || args.Contains("foreign"))
        {
            Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--context", "20", "--out", folder["short"]]);
            MoveFinal(folder["short"], folder["foreign"]);
        }

        string[] paths = ["own.jsonl", "none.jsonl", "bad.jsonl", "few.jsonl", "other/own.jsonl", "base", "nowhere", "short", "foreign"];
        CliResult refused = Cli.Run(["compare", .. args.Select(a => paths.Contains(a) ? folder[a] : a), "--out", folder["run"]]);
        Assert.NotEqual(ExitCode.Done, refused.Code);
        Assert.Contains(said, refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["run"]));
    }

    // A model of the same form that brings no tokenizer.
    private static void MoveFinal(string run, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in new[] { "config.json", "model.safetensors" })
        {
            File.Copy(Path.Combine(run, "checkpoints", "final", file), Path.Combine(to, file));
        }
    }
}
