using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// Products and attention on any device, through the verbs that training uses. Work is queued without waiting, as in training, and the time
/// of many calls is divided by their number.
/// <code>kernels --device cuda|opencl|cpu [--json FILE] [--quick]</code>
/// </summary>
public static class DeviceKernels
{
    private const int Rounds = 3;

    private static readonly (int M, int N, int K)[] Products =
    [
        (512, 512, 512), (1024, 1024, 1024), (2048, 384, 1024), (2048, 352, 128), (512, 32000, 768), (4096, 4096, 4096),
    ];

    // Of the "small" and "medium" models' training steps, and of a long text.
    private static readonly (int B, int T, int H, int D)[] Attentions = [(8, 256, 6, 64), (2, 256, 12, 64), (1, 2048, 12, 64)];

    /// <summary>One line of the results.</summary>
    /// <param name="Kernel">What was computed.</param>
    /// <param name="Size">On what sizes.</param>
    /// <param name="Milliseconds">Time of one call, the median of some rounds.</param>
    /// <param name="GflopPerSecond">10⁹ multiplications and additions a second.</param>
    /// <param name="Calls">Calls a round.</param>
    public sealed record Result(string Kernel, string Size, double Milliseconds, double GflopPerSecond, int Calls);

    /// <summary>Runs the command; returns the exit code.</summary>
    public static int Run(string[] args)
    {
        string? file = Arguments.Get(args, "--json");
        bool quick = args.Contains("--quick");
        using Device device = Device.Open(Arguments.Get(args, "--device") ?? "auto");
        Console.WriteLine(device.Name);
        using StreamWriter? json = file is null ? null : new StreamWriter(file);
        foreach (Result result in All(device, quick))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Kernel,-20} {result.Size,-18} {result.Milliseconds,10:F3} ms {result.GflopPerSecond,10:F1} GFLOP/s"));
            json?.WriteLine(JsonSerializer.Serialize(result));
        }

        return 0;
    }

    private static IEnumerable<Result> All(Device device, bool quick)
    {
        double seconds = quick ? .01 : .3;
        foreach ((int m, int n, int k) in quick ? Products[..1] : Products)
        {
            double flop = 2.0 * m * n * k;
            Storage a = Filled(device, m * k), b = Filled(device, k * n), c = Filled(device, m * n);
            foreach (GemmForm form in Enum.GetValues<GemmForm>())
            {
                yield return Measure(
                    device, $"product {form}", $"{m}x{n}x{k}", flop, c, seconds, () =>
                        device.Backend.MatMul(form, a, b, c, m, n, k, accumulate: false));
            }

            foreach (Storage storage in (Storage[])[a, b, c]) device.Free(storage);
        }

        foreach ((int b, int t, int h, int d) in quick ? Attentions[..1] : Attentions)
        {
            string size = $"B{b} T{t} H{h} D{d}";
            double pairs = (double)b * h * t * (t + 1) / 2; // causal
            float scale = 1 / MathF.Sqrt(d);
            int length = b * t * h * d;
            Storage[] tensors = [.. Enumerable.Range(0, 8).Select(_ => Filled(device, length))];
            (Storage q, Storage k, Storage v, Storage y) = (tensors[0], tensors[1], tensors[2], tensors[3]);
            (Storage dy, Storage dq, Storage dk, Storage dv) = (tensors[4], tensors[5], tensors[6], tensors[7]);
            Storage logSum = Filled(device, b * h * t), starts = device.Allocate(b + 1);
            int[] begins = [.. Enumerable.Range(0, b + 1).Select(i => i * t)];
            device.Backend.Upload(begins, starts);
            Sequences sequences = new(starts, begins);
            yield return Measure(device, "attention", size, 4 * pairs * d, y, seconds, () =>
                device.Backend.Attention(q, k, v, y, logSum, sequences, h, h, d, scale, window: 0));
            yield return Measure(
                device, "attention backward", size, 10 * pairs * d, dv, seconds, () =>
                    device.Backend.AttentionBackward(q, k, v, y, logSum, dy, dq, dk, dv, sequences, h, h, d, scale, window: 0));
            foreach (Storage storage in (Storage[])[.. tensors, logSum, starts]) device.Free(storage);
        }
    }

    // Rounds of as many calls as take the given time; the first call compiles and does not count.
    private static Result Measure(Device device, string kernel, string size, double flop, Storage result, double seconds, Action call)
    {
        double Time(int calls)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < calls; i++) call();
            device.Backend.Download(result.Slice(0, 1), new float[1]); // waits for them
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Time(1);
        int calls = (int)Math.Clamp(seconds / Time(1), 1, 1000);
        double[] rounds = [.. Enumerable.Range(0, Rounds).Select(_ => Time(calls) / calls).Order()];
        double median = rounds[Rounds / 2];
        return new Result(kernel, size, 1e3 * median, flop / median / 1e9, calls);
    }

    private static Storage Filled(Device device, int length)
    {
        Storage storage = device.Allocate(length, zeroed: false);
        device.Backend.Upload([.. Enumerable.Range(0, length).Select(i => ((i * 37L % 101) - 50) / 64f)], storage);
        return storage;
    }
}
