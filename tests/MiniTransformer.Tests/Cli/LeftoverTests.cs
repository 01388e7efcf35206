using System.Diagnostics;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.IO;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>What a kill leaves behind, data that can be read only once, and settings that are hardly meant.</summary>
public sealed class LeftoverTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_with_nothing_but_what_a_kill_left_is_as_good_as_new_and_the_next_run_cleans_it()
    {
        string run = folder["run"], left = Path.Combine(run, $"run.json.tmp-{Guid.NewGuid():N}"),
            inner = Path.Combine(run, "checkpoints", $"x.json.tmp-{Guid.NewGuid():N}");
        Directory.CreateDirectory(run);
        File.WriteAllText(left, "half");
        string[] sft = ["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--out", run];
        Cli.Done(sft);
        Assert.False(File.Exists(left));

        File.WriteAllText(inner, "half");
        Cli.Done("sft", "--out", run, "--resume");
        Assert.False(File.Exists(inner));

        // Somebody's own file is none of them.
        string own = folder["other/notes.tmp-mine"];
        Directory.CreateDirectory(Path.GetDirectoryName(own)!);
        File.WriteAllText(own, "mine");
        Assert.False(AtomicFile.IsLeftover(own));
        Assert.Equal(ExitCode.BadUsage, Cli.Run([.. sft[..^1], folder["other"]]).Code);
        Assert.True(File.Exists(own));
    }

    [PosixFact]
    public void An_unfinished_result_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not()
    {
        using Process ended = Process.Start("/bin/true");
        ended.WaitForExit();
        string dead = folder[$"list.txt.tmp-{ended.Id}"], living = folder["list.txt.tmp-1"];
        File.WriteAllText(dead, "half");
        File.WriteAllText(living, "half");
        Cli.Done("tasks", "--out", folder["list.txt"]);
        Assert.False(File.Exists(dead));
        Assert.True(File.Exists(living));
    }

    [PosixFact]
    public void A_pipe_is_read_once_by_commands_that_read_once_and_refused_by_runs()
    {
        string pipe = folder["pipe"], line = """{"prompt": "rev:abc=", "completion": "cba"}""";
        using (Process made = Process.Start("mkfifo", pipe)) made.WaitForExit();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--out", folder["sft"]]);

        CliResult refused = WithWriter("sft", "--data", pipe, "--out", folder["own"], "--threads", "1");
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("is a pipe, which can be read only once", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["own"]));
        CliResult dpr = WithWriter("dpr", "--run", folder["sft"], "--prompts", pipe, "--updates", "1", "--out", folder["own"], "--threads",
            "1");
        Assert.Equal(ExitCode.BadUsage, dpr.Code);
        Assert.Matches("--prompts: .* is a pipe, which can be read only once", dpr.Error);
        Assert.False(Directory.Exists(folder["own"]));
        CliResult scored = WithWriter("reward", "--policy", folder["sft"], "--reference", "base", "--data", pipe, "--json", "--threads",
            "1");
        Assert.Equal(ExitCode.Done, scored.Code);
        Assert.Single(scored.Json);

        CliResult WithWriter(params string[] args)
        {
            using Process writer = Process.Start("/bin/sh", ["-c", $"echo '{line}' > '{pipe}'"]);
            CliResult result = Cli.Run(args);
            if (!writer.HasExited) writer.Kill();
            return result;
        }
    }

    [Fact]
    public void A_warm_up_that_outlasts_the_run_and_fractions_of_one_update_are_said()
    {
        CliResult said = Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "3", "--warmup", "50", "--keep-at", "0.1,0.2,0.9",
            "--out", folder["run"]]);
        Assert.Contains("Warning: --warmup 50 is as long as the run of 3 update(s), or longer", said.Error, StringComparison.Ordinal);
        Assert.Contains("Warning: --keep-at 0.1, 0.2 are all update 1 of 3, the same model.", said.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("0.9 are", said.Error, StringComparison.Ordinal);
        CliResult refused = Cli.Run(["sft", .. Cli.Tiny, "--keep-at", "0.1,0.10000001", "--out", folder["x"]]);
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("--keep-at: '0.10000001' has more than 6 decimals", refused.Error, StringComparison.Ordinal);
    }
}
