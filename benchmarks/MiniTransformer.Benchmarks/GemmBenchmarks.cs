using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Benchmarks;

/// <summary>The matrix products of training, in GFLOP/s and as a fraction of the measured multiply-add peak of the threads used.</summary>
[ShortRunJob]
[Config(typeof(Columns))]
public unsafe class GemmBenchmarks : IDisposable
{
    private Workers? workers;
    private float* a, b, c;

    public static IEnumerable<Product> Products =>
    [
        new(512, 512, 512), new(1024, 1024, 1024), new(2048, 352, 128), new(2048, 128, 352),
        new(2048, 384, 1024), new(512, 32000, 768), new(192, 64, 64), new(2048, 176, 64),
    ];

    [ParamsSource(nameof(Products))]
    public Product Size { get; set; }

    [ParamsAllValues]
    public GemmForm Form { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        workers = new Workers(Threads);
        a = Fill((long)Size.M * Size.K);
        b = Fill((long)Size.K * Size.N);
        c = Fill((long)Size.M * Size.N);
    }

    [Benchmark]
    public void Multiply() => Gemm.Multiply(workers!, Form, a, b, c, Size.M, Size.N, Size.K, false);

    [GlobalCleanup]
    public void Dispose()
    {
        workers?.Dispose();
        NativeMemory.AlignedFree(a);
        NativeMemory.AlignedFree(b);
        NativeMemory.AlignedFree(c);
        a = b = c = null;
        GC.SuppressFinalize(this);
    }

    private static float* Fill(long length)
    {
        float* values = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), 64);
        for (long i = 0; i < length; i++) values[i] = ((i * 37 % 101) - 50) / 64f;
        return values;
    }

    /// <summary>C (M, N) with inner dimension K.</summary>
    public readonly record struct Product(int M, int N, int K)
    {
        public override string ToString() => $"{M}x{N}x{K}";
    }

    private sealed class Columns : ManualConfig
    {
        public Columns()
        {
            static Work Of(BenchmarkCase c)
            {
                var size = (Product)c.Parameters["Size"];
                double bytes = 4.0 * (((long)size.M * size.K) + ((long)size.K * size.N) + ((long)size.M * size.N));
                return new Work(2.0 * size.M * size.N * size.K, bytes, (int)c.Parameters["Threads"]);
            }

            AddColumn(WorkColumn.All(Of));
        }
    }
}
