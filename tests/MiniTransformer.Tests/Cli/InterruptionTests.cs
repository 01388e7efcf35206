using System.Diagnostics;
using MiniTransformer.Cli;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>Ctrl+C in the phases of the commands: each hears it, and keeps what was done.</summary>
public sealed class InterruptionTests(InterruptionTests.Run sft) : IClassFixture<InterruptionTests.Run>, IDisposable
{
    // A command that did not hear it would run for minutes.
    private static readonly TimeSpan Heard = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder folder = new();

    /// <summary>A trained run that the commands read.</summary>
    public sealed class Run : IDisposable
    {
        private readonly TemporaryFolder folder = new();

        public Run() => Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--keep-at", "0.5", "--out", Path]);

        public string Path => folder["sft"];

        public void Dispose() => folder.Dispose();
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("verify", "--cases", "100000000")]
    [InlineData("tasks", "--task", "reverse", "--count", "100000000")]
    [InlineData("advise", "--run", "SFT", "--continued-steps", "10000000", "--threads", "1")]
    [InlineData("credit", "--run", "SFT", "--plant", "--task", "reverse", "--prompts", "3000", "--threads", "1")]
    [InlineData("demo", "--seeds", "50", "--out", "NEW")]
    [InlineData("compare", "--seeds", "50", "--out", "NEW")]
    [InlineData("generate", "--model", "SFT", "--prompt", "rev:abc=", "--count", "100000000", "--threads", "1")]
    [InlineData("sft", "--task", "reverse", "--demonstrations", "64", "--hidden", "1024", "--layers", "64", "--heads", "8", "--out", "NEW")] // the draw of a billion weights
    public void Long_work_hears_it(params string[] args)
    {
        args = [.. args.Select(a => a switch { "SFT" => sft.Path, "NEW" => folder["new"], _ => a })];
        long begin = Stopwatch.GetTimestamp();
        CliResult stopped = Cli.RunStopped(() => Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMilliseconds(500), args);
        Assert.True(stopped.Code == CommandLine.Interrupted, stopped.Error);
        Assert.InRange(Stopwatch.GetElapsedTime(begin), TimeSpan.Zero, Heard);
        Assert.Contains("Interrupted", stopped.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_for_standard_input_hears_it()
    {
        using var silent = new SilentReader();
        CliResult stopped = Cli.RunStopped(() => silent.IsAsked, silent, "generate", "--model", sft.Path, "--threads", "1");
        Assert.True(stopped.Code == CommandLine.Interrupted, stopped.Error);
        Assert.Contains("the same command begins again", stopped.Error, StringComparison.Ordinal);
    }

    [PosixFact]
    public void Data_from_a_pipe_to_which_nobody_writes_hear_it()
    {
        using (Process made = Process.Start("mkfifo", folder["pipe"])) made.WaitForExit();
        long begin = Stopwatch.GetTimestamp();
        CliResult stopped = Cli.RunStopped(
            () => Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMilliseconds(500),
            "reward", "--policy", sft.Path, "--reference", "base", "--data", folder["pipe"], "--threads", "1");
        Assert.True(stopped.Code == CommandLine.Interrupted, stopped.Error);
        using var end = new FileStream(folder["pipe"], FileMode.Open, FileAccess.Write); // the reader that was left to itself ends too
    }

    [Fact]
    public void Statements_that_were_checked_are_shown()
    {
        string page = folder["verify.txt"];
        CliResult stopped = Cli.RunStopped(Lately(folder["none"], 1500), "verify", "--cases", "3000", "--out", page);
        Assert.Equal(CommandLine.Interrupted, stopped.Code);
        Assert.False(File.Exists(page));
        Assert.Contains("statements are checked", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("of the nearest false statement", File.ReadAllText($"{page}.partial"), StringComparison.Ordinal);
    }
}
