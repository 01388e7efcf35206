using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>Messages that name the flag that is wrong, and not another one.</summary>
public sealed class MessageTests(MessageTests.SftFolder sft) : IClassFixture<MessageTests.SftFolder>
{
    [Fact]
    public void A_checkpoint_that_is_not_there_is_named_by_its_own_flag()
    {
        foreach (string[] command in new string[][] { ["eval", "--run", sft.Path],
            ["generate", "--model", sft.Path, "--prompt", "rev:abcd="] })
        {
            CliResult result = Cli.Run([.. command, "--checkpoint", "fraction-0.77"]);
            Assert.Equal(ExitCode.BadUsage, result.Code);
            Assert.Contains("--checkpoint: the run", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_named_by_out()
    {
        File.WriteAllText(sft["file"], "");
        CliResult result = Cli.Run("eval", "--run", sft.Path, "--out", sft["file/below"]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("--out: '", result.Error, StringComparison.Ordinal);
        Assert.Contains("cannot be written", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_update_of_one_response_is_not_blamed_on_the_reference()
    {
        string[] dpr = ["dpr", "--run", sft.Path, "--reference", "base", "--prompts-per-update", "1", "--updates", "1", "--evaluate-every",
            "0", "--threads", "1"];
        string error = Cli.Done([.. dpr, "--out", sft["dpr"]]).Error;
        Assert.Contains("An update has one response", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Take an earlier reference", error, StringComparison.Ordinal);
        Assert.DoesNotContain("all but nothing", Cli.Done([.. dpr, "--no-baseline", "--out", sft["dpr2"]]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comparison_says_that_own_data_have_no_end_token()
    {
        File.WriteAllLines(sft["open.jsonl"], Enumerable.Range(0, 40)
            .Select(i => $$"""{"prompt_ids": [256, {{97 + i % 26}}, {{97 + i / 26}}], "completion_ids": [98, 99]}"""));
        string error = Cli.Run("compare", "--data", sft["open.jsonl"], "--verify", "exact", "--seeds", "1", "--sweep-seeds", "0",
            "--smoke", "--out", sft["compare"]).Error;
        Assert.Contains("open: Warning: 40 of 40 demonstrations do not end with an end token", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("compare")]
    public void What_is_resumed_where_nothing_is_begins_anew_and_says_so_or_is_refused_where_others_have_been(string command)
    {
        using var folder = new TemporaryFolder();
        string regime = command == "demo" ? "--regime" : "--regimes";
        CliResult stopped = Cli.RunStopped(() =>
            File.Exists(folder["run/run.json"]), command, regime, "noisy", "--seeds", "1", "--out", folder["run"], "--resume");
        Assert.Contains("There is nothing to resume", stopped.Error, StringComparison.Ordinal);
        File.Delete(folder["run/run.json"]);
        Directory.CreateDirectory(folder["run/worlds"]);
        File.WriteAllText(folder["run/worlds/clean-seed-7.json"], "{}");
        CliResult lost = Cli.Run(command, regime, "noisy", "--out", folder["run"], "--resume");
        Assert.Equal(ExitCode.BadUsage, lost.Code);
        Assert.Contains("run.json", lost.Error, StringComparison.Ordinal);
        Assert.Contains("clean-seed-7.json' belongs to no regime and seed that these flags name", lost.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["run/run.json"]));
    }

    /// <summary>A finished SFT run.</summary>
    public sealed class SftFolder : IDisposable
    {
        private readonly TemporaryFolder folder = new();

        public SftFolder() => Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--out", Path]);

        public string Path => folder["sft"];

        public string this[string name] => folder[name];

        public void Dispose() => folder.Dispose();
    }
}
