using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class JudgeFlagTests
{
    private static readonly string[] Small = ["--hidden", "16", "--layers", "1", "--heads", "2", "--batch", "8", "--threads", "1",
        "--evaluate-every", "0"];

    [PosixFact]
    public void Held_out_accuracy_is_what_the_verifier_says()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Enumerable.Range(0, 24)
            .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{i % 3}}"}"""));
        Cli.Done(["sft", "--data", folder["own.jsonl"], "--verify", "command:echo 0.5", "--steps", "60", "--out", folder["sft"], .. Small]);

        // Sixty updates teach some responses to end; a response without an end is wrong whatever the verifier would say.
        JsonElement half = Eval("command:echo 0.5"), none = Eval("command:echo 0.49");
        double ended = half.GetProperty("ended").GetDouble();
        Assert.True(ended > 0);
        Assert.Equal(ended, half.GetProperty("sampled").GetProperty("total").GetDouble());
        Assert.Equal(ended * .5, half.GetProperty("sampled").GetProperty("meanScore").GetDouble(), 12);
        Assert.Equal(0, none.GetProperty("sampled").GetProperty("total").GetDouble());
        Assert.Equal("Accuracy by command:echo 0.5", half.GetProperty("measured").GetString());
        Assert.Equal("Agreement with the demonstrations", Eval("exact").GetProperty("measured").GetString());

        // A command in a run's folder is not started unless it is named again.
        CliResult silent = Cli.Run("eval", "--run", folder["sft"]);
        Assert.Equal(ExitCode.BadUsage, silent.Code);
        Assert.Contains("--verify 'command:echo 0.5'", silent.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.BadUsage, Cli.Run("dpr", "--run", folder["sft"], "--out", folder["dpr"]).Code);
        Cli.Done("dpr", "--run", folder["sft"], "--updates", "1", "--prompts-per-update", "4", "--verify", "numeric", "--out",
            folder["dpr"]);
        Assert.Equal("Agreement with the demonstrations by numeric", Cli.Done("eval", "--run", folder["dpr"], "--json").Json.Single()
            .GetProperty("measured").GetString());

        JsonElement Eval(string verify) => Cli.Done("eval", "--run", folder["sft"], "--verify", verify, "--json").Json.Single();
    }

    [Theory]
    [InlineData("'nmeric' is no verifier", "eval", "--run", "x", "--verify", "nmeric")]
    [InlineData("--verify goes with --data", "sft", "--task", "reverse", "--verify", "numeric", "--out", "nowhere")]
    public void Bad_usage_is_said(string expected, params string[] args)
    {
        CliResult result = Cli.Run(args);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_failing_command_is_an_error_that_explains_itself()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Enumerable.Range(0, 12).Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "x"}"""));
        CliResult result = Cli.Run(["sft", "--data", folder["own.jsonl"], "--verify", "command:echo broken >&2; exit 2", "--steps", "60",
            "--out", folder["sft"], .. Small]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("error: the verifier's command 'echo broken >&2; exit 2' ended with exit code 2", result.Error,
            StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
    }
}
