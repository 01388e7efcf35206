using System.Diagnostics;
using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using MiniTransformer.Backends.Gpu;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Gpu;
using CpuGemm = MiniTransformer.Kernels.Cpu.Gemm;
using Float32 = MiniTransformer.Kernels.Gpu.Float32;
using Gemm = MiniTransformer.Kernels.Gpu.Gemm;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// The variants of the product on a device beside the SIMD product, measured in turn, each its best of some rounds, in GFLOP/s: other
/// programs of the machine then disturb all alike. Only the first variants of small sizes are slow enough to be left out of large ones.
/// <code>gpu-gemm --device opencl|cuda [--threads N] [--rounds R] [--sizes 1024x1024x1024,...]</code>
/// For a fair comparison on one core with PoCL: <code>POCL_MAX_PTHREAD_COUNT=1 taskset -c 0 ... --threads 1</code>
/// </summary>
public static unsafe class GpuGemm
{
    private const string Sizes =
        "256x256x256,512x512x512,1024x1024x1024,2048x2048x2048,2048x64x64,2048x176x64,2048x64x176,64x64x2048,64x176x2048,16x768x768";

    // The naive product reads all of A and B for each element: not worth waiting for beyond this.
    private const double MostFlopOfNaive = 3e8;

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
            Console.Error.WriteLine($"gpu-gemm: there is no device {wanted}; `devices` says why");
            return 2;
        }

        using Accelerator accelerator = context.Open(device);
        GemmVariant[] variants = [GemmVariant.Naive, GemmVariant.Tiled64, GemmVariant.Tiled128, GemmVariant.Panels];
        using Workers workers = new(threads);
        Gemm gemm = new(accelerator);
        Console.WriteLine($"{device.Name}; SIMD: {CpuGemm.Path}, {threads} threads; GFLOP/s");
        Console.WriteLine($"{"form M x N x K",-22}{"SIMD",10}{string.Concat(variants.Select(variant => $"{variant,12}"))}{"chosen",12}");
        foreach (string size in Get("--sizes", Sizes).Split(','))
        {
            int[] mnk = [.. size.Split('x').Select(length => int.Parse(length, CultureInfo.InvariantCulture))];
            foreach (GemmForm form in Enum.GetValues<GemmForm>())
            {
                double[] best = Measure(accelerator, gemm, variants, workers, form, mnk[0], mnk[1], mnk[2], rounds);
                IEnumerable<string> rates = best.Select(rate => rate > 0 ? rate.ToString("F1", CultureInfo.InvariantCulture) : "-")
                    .Select((rate, i) => rate.PadLeft(i == 0 ? 10 : 12));
                Console.WriteLine($"{$"{form} {size}",-22}{string.Concat(rates)}{gemm.Choose(mnk[0], mnk[1], mnk[2]),12}");
            }
        }

        return 0;

        string Get(string flag, string fallback) => Arguments.Get(args, flag) ?? fallback;
    }

    // The SIMD product's rate, then the variants'; 0 where one was left out.
    private static double[] Measure(Accelerator accelerator, Gemm gemm, GemmVariant[] variants, Workers workers, GemmForm form, int m,
        int n, int k, int rounds)
    {
        double flop = 2.0 * m * n * k;
        int calls = Math.Max(1, (int)(5e7 / flop)); // some milliseconds
        float[] a = Filled(m * k), b = Filled(k * n), c = new float[m * n];
        using MemoryBuffer1D<float, Stride1D.Dense> da = accelerator.Allocate1D(a), db = accelerator.Allocate1D(b),
            dc = accelerator.Allocate1D(c);
        using MemoryBuffer1D<float, Stride1D.Dense> scratch =
            accelerator.Allocate1D<float>(variants.Max(variant => gemm.ScratchLength(variant, form, m, n, k)) + 1);
        AcceleratorStream stream = accelerator.DefaultStream;
        double[] best = new double[1 + variants.Length];
        fixed (float* pa = a, pb = b, pc = c)
        {
            for (int round = -1; round < rounds; round++) // the first compiles
            {
                long start = Stopwatch.GetTimestamp();
                for (int call = 0; call < calls; call++) CpuGemm.Multiply(workers, form, pa, pb, pc, m, n, k, false);
                Note(0, start);
                for (int v = 0; v < variants.Length; v++)
                {
                    if (variants[v] == GemmVariant.Naive && flop > MostFlopOfNaive) continue;
                    start = Stopwatch.GetTimestamp();
                    for (int call = 0; call < calls; call++)
                    {
                        gemm.Multiply<Float32>(variants[v], stream, form, da.View, db.View, dc.View, m, n, k, false, scratch.View);
                    }
                    stream.Synchronize();
                    Note(1 + v, start);
                }

                void Note(int at, long start)
                {
                    if (round >= 0) best[at] = Math.Max(best[at], calls * flop / Stopwatch.GetElapsedTime(start).TotalNanoseconds);
                }
            }
        }

        return best;
    }

    private static float[] Filled(int length) => [.. Enumerable.Range(0, length).Select(i => ((i * 37L % 101) - 50) / 64f)];
}
