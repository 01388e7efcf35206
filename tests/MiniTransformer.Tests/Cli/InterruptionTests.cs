using System.Diagnostics;
using System.Text.Json;
using MiniTransformer.Cli.Invocations;
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
    [InlineData("tasks", "--task", "reverse", "--count", "5000000")]
    [InlineData("advise", "--run", "SFT", "--continued-steps", "10000000", "--threads", "1")]
    [InlineData("credit", "--run", "SFT", "--plant", "--task", "reverse", "--prompts", "100000", "--threads", "1")]
    [InlineData("demo", "--seeds", "50", "--out", "NEW")]
    [InlineData("compare", "--seeds", "50", "--out", "NEW")]
    [InlineData("generate", "--model", "SFT", "--prompt", "rev:abc=", "--count", "100000000", "--threads", "1")]
    // the draw of sixty million weights
    [InlineData("sft", "--task", "reverse", "--demonstrations", "64", "--hidden", "512", "--layers", "20", "--heads", "8", "--batch", "2",
        "--out", "NEW")]
    public void Long_work_hears_it(params string[] args)
    {
        args = [.. args.Select(a => a switch { "SFT" => sft.Path, "NEW" => folder["new"], _ => a })];
        long begin = Stopwatch.GetTimestamp();
        CliResult stopped = Cli.RunStopped(() => Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMilliseconds(500), args);
        Assert.True(stopped.Code == ExitCode.Interrupted, stopped.Error);
        Assert.InRange(Stopwatch.GetElapsedTime(begin), TimeSpan.Zero, Heard);
        Assert.Contains("Interrupted", stopped.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_for_standard_input_hears_it()
    {
        using var silent = new SilentStream();
        CliResult stopped = Cli.RunStopped(() => silent.IsAsked, silent, "generate", "--model", sft.Path, "--threads", "1");
        Assert.True(stopped.Code == ExitCode.Interrupted, stopped.Error);
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
        Assert.True(stopped.Code == ExitCode.Interrupted, stopped.Error);
        using var end = new FileStream(folder["pipe"], FileMode.Open, FileAccess.Write); // the reader that was left to itself ends too
    }

    [Fact]
    public void Rewards_that_were_computed_are_kept_beside_the_file_that_is_not_whole()
    {
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Repeat("""{"prompt": "rev:abc=", "completion": "cba"}""", 20_000));
        string whole = folder["rewards.jsonl"], part = $"{whole}.partial";
        CliResult stopped = Cli.RunStopped(
            () => Directory.EnumerateFiles(Path.GetDirectoryName(whole)!, "rewards.jsonl.tmp*").Any(file => new FileInfo(file).Length > 0),
            "reward", "--policy", sft.Path, "--reference", "base", "--data", folder["data.jsonl"], "--batch", "1", "--json", "--threads",
            "1", "--out", whole);
        Assert.True(stopped.Code == ExitCode.Interrupted, stopped.Error);
        Assert.False(File.Exists(whole));
        string[] lines = File.ReadAllLines(part);
        Assert.Contains($"Interrupted: the first {lines.Length} responses are scored, in {part}.", stopped.Error, StringComparison.Ordinal);
        Assert.All(lines, line => JsonDocument.Parse(line));
    }

    // Standard input on which nothing comes until the end of the test.
    private sealed class SilentStream : MemoryStream
    {
        private readonly ManualResetEventSlim ended = new();

        public bool IsAsked { get; private set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            IsAsked = true;
            ended.Wait();
            return 0;
        }

        protected override void Dispose(bool disposing)
        {
            ended.Set();
            base.Dispose(disposing);
        }
    }
}
