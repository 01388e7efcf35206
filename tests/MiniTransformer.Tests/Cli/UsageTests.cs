using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class UsageTests
{
    [Theory]
    [InlineData("Did you mean 'sft'?", "sfd")]
    [InlineData("Did you mean '--steps'?", "sft", "--stepps", "3")]
    [InlineData("Did you mean 'reverse'?", "sft", "--task", "revers", "--out", "nowhere")]
    [InlineData("Did you mean 'exact'?", "dpr", "--kl", "exct")]
    [InlineData("--steps: 'abc' is not a whole number", "sft", "--steps", "abc")]
    [InlineData("--steps: 0 is too small", "sft", "--steps", "0")]
    [InlineData("--good: 1.5 is out of range; a number from 0 to 1 is needed", "sft", "--good", "1.5")]
    [InlineData("--lr: 0 is out of range; a number above 0 is needed", "sft", "--lr", "0")]
    [InlineData("--out is needed", "sft", "--task", "reverse")]
    [InlineData("--task or --data is needed", "sft", "--out", "nowhere")]
    [InlineData("--task and --data do not go together", "sft", "--task", "reverse", "--data", "x.jsonl", "--out", "nowhere")]
    [InlineData("--steps and --epochs do not go together", "sft", "--task", "reverse", "--steps", "3", "--epochs", "1", "--out", "nowhere")]
    [InlineData("--hidden 15", "sft", "--task", "reverse", "--hidden", "15", "--out", "nowhere")]
    [InlineData("--resume needs --out", "sft", "--resume")]
    [InlineData("--resume: there is no run in 'nowhere'", "sft", "--resume", "--out", "nowhere")]
    [InlineData("--resume: there is no run in 'nowhere'", "demo", "--resume", "--out", "nowhere")]
    [InlineData("--resume: there is no run in 'nowhere'", "compare", "--resume", "--threads", "1", "--out", "nowhere")]
    [InlineData("holds no run", "dpr", "--run", "nowhere", "--out", "elsewhere")]
    [InlineData("'one' is neither a number above 0 nor 'matched'", "advise", "--alpha", "one")]
    [InlineData("holds no run", "advise", "--run", "nowhere")]
    [InlineData("--config: there is no file", "eval", "--config", "nowhere.json")]
    [InlineData("'extra' does not belong to tasks", "tasks", "extra")]
    [InlineData("--prompts-per-update: 0 is too small", "dpr", "--prompts-per-update", "0")]
    public void Bad_usage_is_one_line_that_names_the_flag_and_exit_code_2(string expected, params string[] args)
    {
        CliResult result = Cli.Run(args);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.Empty(result.Out);
        Assert.False(Directory.Exists("nowhere"));
    }

    [Theory]
    [InlineData("--data: there is no file 'nowhere.jsonl'", "sft", "--data", "nowhere.jsonl", "--out", "elsewhere")]
    public void What_is_not_there_is_named_and_exit_code_1(string expected, params string[] args)
    {
        CliResult result = Cli.Run(args);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("generate", "--model", "--prompt", "x")]
    [InlineData("eval", "--run", "--task", "sort")]
    [InlineData("reward", "--policy", "--reference", "base", "--data", "x.jsonl")]
    [InlineData("verify", "--policy", "--data", "x.jsonl")]
    [InlineData("export", "--model", "--gguf", "x.gguf")]
    [InlineData("inspect", "--model", "--data", "x.jsonl")]
    [InlineData("sft", "--base", "--task", "sort", "--out", "elsewhere")]
    [InlineData("dpr", "--run", "--out", "elsewhere")]
    [InlineData("advise", "--run")]
    [InlineData("credit", "--run", "--plant")]
    [InlineData("credit", "--policy", "--plant")]
    public void A_model_s_folder_that_is_not_there_is_bad_usage_of_its_flag_and_the_nearest_is_named(string command, string flag,
        params string[] others)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["models"]);
        File.WriteAllText(folder["x.jsonl"], "{\"prompt\": \"a\", \"completion\": \"b\"}");
        CliResult result = Cli.Run([command, flag, folder["modles"],
            .. others.Select(o => o.StartsWith("x.", StringComparison.Ordinal) ? folder[o] : o)]);
        Assert.True(result.Code == ExitCode.BadUsage, result.Error);
        Assert.Matches($"^error: {flag}: .*Did you mean '.*models'\\?\n$", result.Error);
    }

    [Theory]
    [InlineData("demo", "--regime")]
    [InlineData("sft", "--checkpoint-every")]
    [InlineData("advise", "--references")]
    [InlineData("reward", "--reference")]
    [InlineData("dpr", "--updates")]
    [InlineData("eval", "--run")]
    [InlineData("generate", "--top-p")]
    [InlineData("tasks", "--split")]
    [InlineData("credit", "--plant")]
    public void Every_command_has_help_with_examples_and_the_common_flags(string command, string flag)
    {
        CliResult result = Cli.Done(command, "--help");
        string[] needed = [flag, "--seed", "--threads", "--out", "--config", "Examples:", $" {command}"];
        Assert.All(needed, text => Assert.Contains(text, result.Out, StringComparison.Ordinal));
        Assert.Empty(result.Error);
    }

    [Fact]
    public void A_folder_that_holds_something_is_not_written_into()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["notes.txt"], "mine");
        CliResult result = Cli.Run(["sft", .. Cli.Tiny, "--out", folder.Path]);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains("is not empty", result.Error, StringComparison.Ordinal);
        Assert.Equal(["notes.txt"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_configuration_gives_the_flags_and_the_command_line_overrides_it()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["c.json"], """{"task": "upper", "count": 3, "split": "evaluation", "seed": 5}""");
        string all = Cli.Done("tasks", "--config", folder["c.json"]).Out;
        Assert.Equal(3, all.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.All(all.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Contains("upp:", line, StringComparison.Ordinal));
        string fewer = Cli.Done("tasks", "--config", folder["c.json"], "--count", "2").Out;
        Assert.Equal(string.Concat(all.Split('\n').Take(2).Select(line => line + "\n")), fewer);
    }

    [Theory]
    [InlineData("""{"tsk": "upper"}""", "'tsk' is no setting of tasks. Did you mean 'task'?")]
    [InlineData("""{"count": "many"}""", "--count: 'many' is not a whole number")]
    [InlineData("""{"count": {}}""", "the value of 'count' is {}; a number or a text is needed")]
    [InlineData("""{"count": [1, 2]}""", "the value of 'count' is [1,2]; a number or a text is needed")]
    [InlineData("""{"count": true}""", "the value of 'count' is true; a number or a text is needed")]
    [InlineData("""{"task": ["reverse", null]}""", "the value of 'task' is null; a number, a text or a list of these is needed")]
    [InlineData("""{"task": ["reverse", ["sort"]]}""", "the value of 'task' is [\"sort\"]")]
    [InlineData("""{"json": "yes"}""", "'json' is")]
    [InlineData("""{"good": "much"}""", "--good: 'much' is not a number")]
    [InlineData("""{"count": 1, "count": 2}""", "not valid JSON")]
    [InlineData("""["count"]""", "a JSON object is needed")]
    [InlineData("""{"command": "sft"}""", "it is a configuration of \"sft\", not of 'tasks'")]
    public void A_configuration_that_cannot_be_used_is_refused_with_its_name(string json, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["c.json"], json);
        CliResult result = Cli.Run("tasks", "--config", folder["c.json"]);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("c.json", result.Error, StringComparison.Ordinal);
    }
}
