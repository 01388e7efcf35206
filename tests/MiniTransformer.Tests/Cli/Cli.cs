using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MiniTransformer.Cli;

namespace MiniTransformer.Tests.Cli;

/// <summary>A command line and what came of it.</summary>
internal sealed record CliResult(int Code, string Out, string Error)
{
    /// <summary>The JSON objects of standard output, one a line.</summary>
    public JsonElement[] Json => [.. Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
}

/// <summary>Runs command lines in this process.</summary>
internal static class Cli
{
    /// <summary>A model small enough for a test, and little data.</summary>
    public static readonly string[] Tiny =
    [
        "--task", "reverse,sort", "--demonstrations", "60", "--batch", "16", "--hidden", "16", "--layers", "1", "--heads", "2", "--threads", "1",
    ];

    /// <summary>Without the accuracy curve.</summary>
    public static readonly string[] NoCurve = ["--evaluate-every", "0"];

    public static CliResult Run(params string[] args) => Run(args, input: null, stopped: false);

    /// <summary>The same as if Ctrl+C had been pressed at once: a training stops after its next update.</summary>
    public static CliResult RunStopped(params string[] args) => Run(args, input: null, stopped: true);

    public static CliResult RunWith(string input, params string[] args) => RunWith(Encoding.UTF8.GetBytes(input), args);

    public static CliResult RunWith(byte[] input, params string[] args) => Run(args, new MemoryStream(input), stopped: false);

    /// <summary>Runs a command line that has to succeed.</summary>
    public static CliResult Done(params string[] args)
    {
        CliResult result = Run(args);
        Assert.True(result.Code == CommandLine.Done, $"{string.Join(' ', args)}: exit code {result.Code}: {result.Error}");
        return result;
    }

    /// <summary>The hash of a checkpoint's weights.</summary>
    public static string WeightsOf(string run, string checkpoint = "final") =>
        Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(run, "checkpoints", checkpoint, "model.safetensors"))));

    /// <summary>The metrics of a run but for what time does to them.</summary>
    public static string[] MetricsOf(string run) => [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line =>
    {
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(line);
        return string.Join(',', json.EnumerateObject().Where(p => p.Name is not ("seconds" or "tokensPerSecond")).Select(p => p.ToString()));
    })];

    private static CliResult Run(string[] args, Stream? input, bool stopped)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = CommandLine.Run(args, output, error, input, new CancellationToken(stopped));
        return new CliResult(code, output.ToString(), error.ToString());
    }
}
