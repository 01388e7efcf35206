using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Ops;
using MiniTransformer.Optim;
using MiniTransformer.Tensors;
using MiniTransformer.Text;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// Tokens a second of whole training steps (forward, cross-entropy, backward, clipping, AdamW: the path that trainers take) and of
/// sampling (prompts of 16 tokens, 128 new ones each, drawn from the softmax, with the key/value cache).
/// <code>throughput --device cpu|opencl|cuda --config tiny|small|medium --mode train|sample --threads N --steps S --json</code>
/// With --lengths the sequences have the lengths of a file, see <see cref="RealLengths"/>, and training and scoring steps are measured in
/// response tokens:
/// <code>throughput --lengths FILE [--batch B] --config tiny|small|medium --mode train|score --threads N --steps S --json</code>
/// </summary>
public static class Throughput
{
    private const int PromptLength = 16;
    private const int NewTokens = 128;

    private sealed record Size(string Name, int D, int Layers, int Heads, int Ffn, int Context, int Batch, int SampleBatch, int Vocab);

    private static readonly Size[] Sizes =
    [
        new("tiny", 128, 4, 4, 352, 128, 16, 16, 256),
        new("small", 384, 6, 6, 1024, 256, 8, 16, 512),
        new("medium", 768, 12, 12, 2048, 256, 2, 4, 32000),
    ];

    /// <summary>Runs the command; returns the exit code.</summary>
    public static int Run(string[] args)
    {
        string Get(string flag, string fallback) => Arguments.Get(args, flag) ?? fallback;

        string name = Get("--config", "tiny"), mode = Get("--mode", "train");
        Size? size = Sizes.FirstOrDefault(s => s.Name == name);
        string? file = Arguments.Get(args, "--lengths");
        if (size is null || (mode != "train" && mode != (file is null ? "sample" : "score")))
        {
            Console.Error.WriteLine(
                "throughput --device cpu|opencl|cuda --config tiny|small|medium --mode train|sample --threads N --steps S [--warmup W] "
                    + "[--json]\n" +
                "throughput --lengths FILE [--batch B] --device cpu|opencl|cuda --config tiny|small|medium --mode train|score --threads N "
                    + "--steps S [--warmup W] [--json]");
            return 2;
        }

        int threads = int.Parse(Get("--threads", "1"), CultureInfo.InvariantCulture);
        int steps = int.Parse(Get("--steps", "10"), CultureInfo.InvariantCulture);
        int warmup = int.Parse(Get("--warmup", "3"), CultureInfo.InvariantCulture);
        using Device device = Device.Open(Get("--device", "cpu"), threads);
        (int Prompt, int Response)[] lengths = file is null ? [] : RealLengths.Read(file);
        TransformerConfig config = ConfigOf(size);
        if (file is not null)
        {
            config = config with { MaxPositions = Math.Max(config.MaxPositions, lengths.Max(l => l.Prompt + l.Response)) };
        }
        using var model = new Transformer(config, ParameterSource.Random(device, 1));
        var report = new Dictionary<string, object>
        {
            ["device"] = device.Name,
            ["config"] = size.Name,
            ["mode"] = mode,
            ["threads"] = threads,
            ["steps"] = steps,
            ["parameters"] = model.ParameterCount,
        };
        if (file is not null) return OfLengths();
        List<double> seconds = mode == "train" ? Train(model, size, steps, warmup, report) : Sample(model, size, steps, warmup);
        long tokens = mode == "train" ? (long)size.Batch * size.Context : (long)size.SampleBatch * NewTokens;
        seconds.Sort();
        double median = Median(seconds);
        report["tokens_per_s"] = new { median = tokens / median, min = tokens / seconds[^1], max = tokens / seconds[0] };
        if (mode == "train") report["gflop_per_s"] = TrainingFlop(size) / median / 1e9;
        Console.WriteLine(args.Contains("--json")
            ? JsonSerializer.Serialize(report)
            : string.Create(CultureInfo.InvariantCulture,
                $"{device.Name}: {size.Name} {mode}: {tokens / median:F0} tokens/s (median of {steps})"));
        return 0;

        // Steps differ in their tokens: the rate is that of all steps together.
        int OfLengths()
        {
            int batch = int.Parse(Get("--batch", "16"), CultureInfo.InvariantCulture);
            List<(double Seconds, int Tokens)> done = RealLengths.Run(model, lengths, batch, mode == "train", steps, warmup);
            double rate = done.Sum(s => s.Tokens) / done.Sum(s => s.Seconds);
            (report["lengths"], report["batch"]) = (Path.GetFileName(file), batch);
            report["response_tokens_per_s"] = rate;
            Console.WriteLine(args.Contains("--json")
                ? JsonSerializer.Serialize(report)
                : string.Create(CultureInfo.InvariantCulture,
                    $"{device.Name}: {size.Name} {mode}, lengths of {report["lengths"]}, {batch} a batch: {rate:F0} response tokens/s "
                        + $"({steps} steps)"));
            return 0;
        }
    }

    private static TransformerConfig ConfigOf(Size s) => new()
    {
        VocabSize = s.Vocab,
        HiddenSize = s.D,
        IntermediateSize = s.Ffn,
        NumLayers = s.Layers,
        NumHeads = s.Heads,
        MaxPositions = Math.Max(s.Context, PromptLength + NewTokens),
    };

    private static List<double> Train(Transformer model, Size size, int steps, int warmup, Dictionary<string, object> report)
    {
        using var optimizer = new AdamW(model.Parameters, new AdamWOptions { Beta2 = .95f, WeightDecay = .1f });
        (int[] Inputs, int[] Targets)[] pool = [.. Enumerable.Range(0, 4).Select(i => RandomBatch(size, i))];
        int[] starts = [.. Enumerable.Range(0, size.Batch + 1).Select(b => b * size.Context)];
        var shape = new Shape(size.Batch * size.Context);
        var seconds = new List<double>();
        double[] phases = new double[3];
        for (int step = -warmup; step < steps; step++)
        {
            (int[] inputs, int[] targets) = pool[(step + warmup) % pool.Length];
            long start = Stopwatch.GetTimestamp(), forward, backward;
            using (Tape tape = Tape.Record(model.Device))
            {
                Tensor logits = model.Forward(tape.Rows(inputs, starts));
                Tensor loss = logits.GatherLogSoftmax(tape.Ids(targets, shape)).Sum().Scale(-1f / targets.Length);
                if (step == -warmup) report["loss_first"] = loss.Item();
                report["loss_last"] = loss.Item();
                forward = Stopwatch.GetTimestamp();
                tape.Backward(loss);
                backward = Stopwatch.GetTimestamp();
            }

            optimizer.Step(3e-4);
            long end = Stopwatch.GetTimestamp();
            if (step < 0) continue;
            seconds.Add(Stopwatch.GetElapsedTime(start, end).TotalSeconds);
            phases[0] += Stopwatch.GetElapsedTime(start, forward).TotalMilliseconds / steps;
            phases[1] += Stopwatch.GetElapsedTime(forward, backward).TotalMilliseconds / steps;
            phases[2] += Stopwatch.GetElapsedTime(backward, end).TotalMilliseconds / steps;
        }

        report["ms"] = new { forward = phases[0], backward = phases[1], adamw = phases[2] };
        return seconds;
    }

    private static List<double> Sample(Transformer model, Size size, int steps, int warmup)
    {
        var rng = new Rng(3);
        int[][] prompts = [.. Enumerable.Range(0, size.SampleBatch)
            .Select(_ => Enumerable.Range(0, PromptLength).Select(_ => rng.NextInt(size.Vocab)).ToArray())];
        var seconds = new List<double>();
        for (int step = -warmup; step < steps; step++)
        {
            long start = Stopwatch.GetTimestamp();
            Sampler.Generate(model, prompts, EndTokens.None, new SamplingOptions { MaxTokens = NewTokens, Seed = (ulong)(step + warmup) });
            if (step >= 0) seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return seconds;
    }

    // Mostly predictable sequences, so that the loss must fall.
    private static (int[] Inputs, int[] Targets) RandomBatch(Size size, int index)
    {
        var rng = new Rng(7, stream: (ulong)index);
        int[] inputs = new int[size.Batch * size.Context], targets = new int[inputs.Length];
        for (int row = 0; row < size.Batch; row++)
        {
            int token = rng.NextInt(size.Vocab);
            for (int t = 0; t < size.Context; t++)
            {
                int at = row * size.Context + t;
                inputs[at] = token;
                token = rng.NextInt(8) == 0 ? rng.NextInt(size.Vocab) : (token * 5 + 3) % size.Vocab;
                targets[at] = token;
            }
        }

        return (inputs, targets);
    }

    // 6 per weight of a matrix product and token, and 6·L·T·d per token for causal attention.
    private static double TrainingFlop(Size s)
    {
        double weights = s.Layers * (4.0 * s.D * s.D + 3.0 * s.D * s.Ffn) + (double)s.D * s.Vocab;
        return (6 * weights + 6.0 * s.Layers * s.Context * s.D) * s.Batch * s.Context;
    }

    private static double Median(List<double> sorted)
    {
        int n = sorted.Count;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }
}
