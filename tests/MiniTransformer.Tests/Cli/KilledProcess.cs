using System.Diagnostics;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Tests.Cli;

/// <summary>
/// The tool as a process of its own, killed (SIGKILL) as soon as a condition holds: the kill strikes wherever it then is.
/// </summary>
internal static class KilledProcess
{
    public static void Run(string[] args, Func<bool> until)
    {
        string tool = Path.Combine(AppContext.BaseDirectory, "MiniTransformer.Cli.dll");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")
            ?? "dotnet", [tool, .. args])
        { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && !until()) Thread.Sleep(1);
        process.Kill();
        process.WaitForExit();
        string said = error.GetAwaiter().GetResult();
        Assert.True(process.ExitCode != ExitCode.Done
            && !said.Contains("error:", StringComparison.Ordinal), $"the process ended by itself: {said}");
    }
}
