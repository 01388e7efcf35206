using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MiniTransformer.Cli;
using MiniTransformer.Cli.Invocations;

namespace MiniTransformer.Tests.Cli;

/// <summary>A command line and what came of it.</summary>
internal sealed record CliResult(int Code, string Out, string Error)
{
    /// <summary>The JSON objects of standard output, one a line.</summary>
    public JsonElement[] Json =>
        [.. Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
}

/// <summary>Runs command lines in this process.</summary>
internal static class Cli
{
    /// <summary>A model small enough for a test, and little data.</summary>
    public static readonly string[] Tiny =
    [
        "--task", "reverse,sort", "--demonstrations", "60", "--batch", "16", "--hidden", "16", "--layers", "1", "--heads", "2",
        "--threads", "1",
    ];

    /// <summary>Without the accuracy curve.</summary>
    public static readonly string[] NoCurve = ["--evaluate-every", "0"];

    public static CliResult Run(params string[] args) => Run(args, input: null);

    /// <summary>The same as if Ctrl+C had been pressed at once.</summary>
    public static CliResult RunStopped(params string[] args) => Run(args, input: null, new CancellationToken(canceled: true));

    /// <summary>The same as if Ctrl+C had been pressed as soon as a condition holds: it strikes wherever the command then is.</summary>
    public static CliResult RunStopped(Func<bool> when, params string[] args) => RunStopped(when, null, args);

    public static CliResult RunStopped(Func<bool> when, Stream? input, params string[] args)
    {
        using var stop = new CancellationTokenSource();
        using var ended = new ManualResetEventSlim();
        var watching = new Thread(() =>
        {
            while (!ended.IsSet && !when()) Thread.Sleep(1);
            stop.Cancel();
        });
        watching.Start();
        try
        {
            return Run(args, input, stop.Token);
        }
        finally
        {
            ended.Set();
            watching.Join();
        }
    }

    public static CliResult RunWith(string input, params string[] args) => RunWith(Encoding.UTF8.GetBytes(input), args);

    public static CliResult RunWith(byte[] input, params string[] args) => Run(args, new MemoryStream(input));

    /// <summary>Lines of a run's metrics so far.</summary>
    public static int LinesOfMetrics(string run)
    {
        string path = Path.Combine(run, "metrics.jsonl");
        if (!File.Exists(path)) return 0;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Count(c => c == '\n');
    }

    /// <summary>Runs a command line that has to succeed.</summary>
    public static CliResult Done(params string[] args)
    {
        CliResult result = Run(args);
        Assert.True(result.Code == ExitCode.Done, $"{string.Join(' ', args)}: exit code {result.Code}: {result.Error}");
        return result;
    }

    /// <summary>The hash of a checkpoint's weights.</summary>
    public static string WeightsOf(string run, string checkpoint = "final") =>
        Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(run, "checkpoints", checkpoint, "model.safetensors"))));

    /// <summary>The metrics of a run but for what time does to them.</summary>
    public static string[] MetricsOf(string run) => [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line =>
    {
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(line);
        return string.Join(',', json.EnumerateObject().Where(p => p.Name is not ("seconds" or "tokensPerSecond"))
            .Select(p => p.ToString()));
    })];

    private static CliResult Run(string[] args, Stream? input, CancellationToken stop = default)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = CommandLine.Run(args, output, error, input, stop);
        return new CliResult(code, output.ToString(), error.ToString());
    }
}
