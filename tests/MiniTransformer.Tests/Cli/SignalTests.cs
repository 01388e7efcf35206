using System.Diagnostics;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>The tool as a process of its own that gets Ctrl+C or SIGTERM in each phase of its commands.</summary>
public sealed class SignalTests : IDisposable
{
    // By hand it is two seconds; a test must not fail because a machine is slow.
    private static readonly TimeSpan Heard = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PosixTheory]
    [InlineData(Posix.Interrupt)]
    [InlineData(Posix.Terminate)]
    public void A_training_that_is_signalled_saves_its_updates_and_the_line_that_it_prints_resumes_it(int signal)
    {
        string run = folder["it's a run"];
        Result stopped = Signalled(signal, () =>
            Cli.LinesOfMetrics(run) >= 5, ["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "400", "--out", run]);
        Assert.Equal(ExitCode.Interrupted, stopped.Code);
        Assert.Contains("a checkpoint is saved", stopped.Error, StringComparison.Ordinal);
        string line = stopped.Error.Split('\n').Single(l => l.StartsWith("  ", StringComparison.Ordinal));
        string installed = $"minitransformer() {{ '{Host}' '{Tool}' \"$@\"; }}"; // as if it were
        using Process pasted = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"{installed}\n{line}"])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> said = pasted.StandardError.ReadToEndAsync();
        pasted.StandardOutput.ReadToEnd();
        pasted.WaitForExit();
        Assert.True(pasted.ExitCode == ExitCode.Done, said.Result);
        Assert.Contains("Resumed after update", said.Result, StringComparison.Ordinal);
    }

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "MiniTransformer.Cli.dll");

    private static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private sealed record Result(int Code, string Error);

    private static Result Signalled(int signal, Func<bool> when, string[] args)
    {
        var start = new ProcessStartInfo(Host, [Tool, .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && !when()) Thread.Sleep(1);
        Posix.Send(process, signal);
        bool heard = process.WaitForExit(Heard);
        if (!heard) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        Assert.True(heard, $"it was not heard within {Heard.TotalSeconds} s");
        return new Result(process.ExitCode, error.Result);
    }
}
