using System.Diagnostics;
using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Backends;
using MiniTransformer.Backends.Cpu;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Kernels.Gpu;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// The two forms of attention on a device, tiled for GPUs and serial for those that compute on a CPU, beside the CPU's kernels, measured in
/// turn, each its best of some rounds, in GFLOP/s of the products that a causal mask leaves: other programs of the machine then disturb all
/// alike.
/// <code>gpu-attention --device opencl|cuda [--threads N] [--rounds R] [--sizes 32x64x4x4x16,...]    sizes are B x T x H x Hkv x D</code>
/// </summary>
public static class GpuAttention
{
    private const string Sizes = "32x64x4x4x16,16x128x4x2x32,8x256x8x8x32,4x512x4x4x64,2x512x4x2x128,1x2048x4x4x64";

    /// <summary>Runs the command; returns the exit code.</summary>
    public static int Run(string[] args)
    {
        int threads = int.Parse(Get("--threads", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)),
            CultureInfo.InvariantCulture);
        int rounds = int.Parse(Get("--rounds", "10"), CultureInfo.InvariantCulture);
        string wanted = Get("--device", "opencl");
        using GpuContext context = new();
        GpuDevice? device = context.Devices.FirstOrDefault(found => found.Specification == (wanted.Contains(':') ? wanted : wanted + ":0"));
        if (device is null)
        {
            Console.Error.WriteLine($"gpu-attention: there is no device {wanted}; `devices` says why");
            return 2;
        }

        using Accelerator accelerator = context.Open(device);
        using CpuBackend cpu = new(threads);
        Console.WriteLine($"{device.Name}; {cpu.Name}; GFLOP/s");
        Console.WriteLine($"{"B x T x H x Hkv x D",-22}{"pass",10}{"CPU",10}{"tiled",10}{"serial",10}");
        foreach (string size in Get("--sizes", Sizes).Split(','))
        {
            int[] n = [.. size.Split('x').Select(length => int.Parse(length, CultureInfo.InvariantCulture))];
            using Case attention = new(accelerator, cpu, n[0], n[1], n[2], n[3], n[4]);
            Print(size, "forward", attention.Flop, Measure(attention.Forward, rounds));
            Print(size, "backward", 2.5 * attention.Flop, Measure(attention.Backward, rounds)); // five products to the forward pass's two
        }

        return 0;

        string Get(string flag, string fallback) => Arguments.Get(args, flag) ?? fallback;
    }

    private static void Print(string size, string pass, double flop, double[] seconds)
    {
        IEnumerable<string> rates = seconds.Select(s => string.Create(CultureInfo.InvariantCulture, $"{flop / s * 1e-9,10:F1}"));
        Console.WriteLine($"{size,-22}{pass,10}{string.Concat(rates)}");
    }

    // The best time of each way, after one round that compiles.
    private static double[] Measure(Action[] ways, int rounds)
    {
        double[] best = [.. ways.Select(_ => double.PositiveInfinity)];
        for (int round = -1; round < rounds; round++)
        {
            for (int way = 0; way < ways.Length; way++)
            {
                long start = Stopwatch.GetTimestamp();
                ways[way]();
                if (round >= 0) best[way] = Math.Min(best[way], Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        return best;
    }

    /// <summary>Operands on both machines, and the passes on the CPU, tiled and serial, in this order; each waits for its end.</summary>
    private sealed class Case : IDisposable
    {
        private readonly List<IDisposable> memory = [];

        public Case(Accelerator accelerator, CpuBackend cpu, int b, int t, int h, int hkv, int d)
        {
            int query = b * t * h * d, key = b * t * hkv * d, rows = b * h * t;
            int[] lengths = [query, key, key, query, rows, query, query, key, key]; // q, k, v, y, logSum, dy, dq, dk, dv
            float[][] values = [.. lengths.Select((length, seed) => Filled(length, seed))];
            Storage[] s = [.. values.Select(x => Place(cpu, x))];
            ArrayView<float>[] g = [.. values.Select(x => Keep(accelerator.Allocate1D(x)).View)];
            ArrayView<float> scratch = Keep(accelerator.Allocate1D<float>(AttentionBackward.ScratchLength(b * t, h))).View;
            float scale = 1 / MathF.Sqrt(d);
            int[] begins = [.. Enumerable.Range(0, b + 1).Select(i => i * t)];
            ArrayView<int> starts = Keep(accelerator.Allocate1D(begins)).View;
            Storage startsOnCpu = new(cpu.Allocate(b + 1), 0, b + 1);
            memory.Add(startsOnCpu.Buffer);
            cpu.Upload(begins, startsOnCpu);
            Sequences sequences = new(startsOnCpu, begins);
            var shape = new AttentionShape(b * t, b, h, hkv, d, scale, quads: d % 4 == 0 ? 1 : 0);
            Flop = 2.0 * b * h * t * (t + 1.0) * d;

            AttentionForward forward = new(accelerator);
            AttentionForwardSerial forwardSerial = new(accelerator);
            AttentionBackward backward = new(accelerator);
            AttentionBackwardSerial backwardSerial = new(accelerator);
            Forward =
            [
                () => cpu.Attention(s[0], s[1], s[2], s[3], s[4], sequences, h, hkv, d, scale, window: 0),
                () => Finish(() => forward.Run(g[0], g[1], g[2], g[3], g[4], starts, shape)),
                () => Finish(() => forwardSerial.Run(g[0], g[1], g[2], g[3], g[4], starts, shape)),
            ];
            Backward =
            [
                () => cpu.AttentionBackward(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], sequences, h, hkv, d, scale, window: 0),
                () => Finish(() => backward.Run(g[0], g[1], g[2], g[3], g[4], g[5], scratch, g[6], g[7], g[8], starts, shape)),
                () => Finish(() => backwardSerial.Run(g[0], g[1], g[2], g[3], g[4], g[5], scratch, g[6], g[7], g[8], starts, shape)),
            ];

            void Finish(Action start)
            {
                start();
                accelerator.Synchronize();
            }
        }

        public double Flop { get; }

        public Action[] Forward { get; }

        public Action[] Backward { get; }

        public void Dispose() => memory.ForEach(block => block.Dispose());

        private static float[] Filled(int length, int seed) =>
            [.. Enumerable.Range(0, length).Select(i => (((i * 37L) + (seed * 11)) % 101 - 50) / 64f)];

        private Storage Place(CpuBackend cpu, float[] x)
        {
            var storage = new Storage(Keep(cpu.Allocate(x.Length)), 0, x.Length);
            cpu.Upload(x, storage);
            return storage;
        }

        private T Keep<T>(T block)
            where T : IDisposable
        {
            memory.Add(block);
            return block;
        }
    }
}
