using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Benchmarks;

/// <summary>
/// The other kernels at the shapes of the "small" model's training step (8 × 256 tokens, 6 heads of 64, 1024 inner channels, a
/// vocabulary of 512), one thread; decoding at 16 sequences of 144 tokens.
/// </summary>
[ShortRunJob]
[Config(typeof(Columns))]
public unsafe class KernelBenchmarks : IDisposable
{
    private const int B = 8, T = 256, H = 6, D = 64, C = H * D, F = 1024, V = 512, Rows = B * T, Slots = 16, Context = 144;

    private readonly Workers workers = new(1);
    private readonly List<nint> blocks = [];
    private float* x, y, dy, dx, k, v, dk, dv, logSum, w, rowValue, rowValue2, wide, wide2, wide3, dwide, dwide2, logits, dlogits, m, s,
        cos, sin, keys, values;
    private int* ids, positions, slots, last, starts;
    private AttentionPiece* pieces;

    [GlobalSetup]
    public void Setup()
    {
        x = New(Rows * C);
        y = New(Rows * C);
        dy = New(Rows * C);
        dx = New(Rows * C);
        k = New(Rows * C);
        v = New(Rows * C);
        dk = New(Rows * C);
        dv = New(Rows * C);
        wide = New(Rows * F);
        wide2 = New(Rows * F);
        wide3 = New(Rows * F);
        dwide = New(Rows * F);
        dwide2 = New(Rows * F);
        logits = New(Rows * V);
        dlogits = New(Rows * V);
        m = New(Rows * F);
        s = New(Rows * F);
        logSum = New(Rows * H);
        w = New(C);
        rowValue = New(Rows);
        rowValue2 = New(Rows);
        cos = New(T * D / 2);
        sin = New(T * D / 2);
        keys = New(Slots * Context * C);
        values = New(Slots * Context * C);
        ids = (int*)New(Rows);
        positions = (int*)New(Rows);
        slots = (int*)New(Slots);
        last = (int*)New(Slots);
        starts = (int*)New(B + 1);
        pieces = (AttentionPiece*)New(B * sizeof(AttentionPiece) / sizeof(float));
        for (int b = 0; b <= B; b++) starts[b] = b * T;
        for (int b = 0; b < B; b++) pieces[b] = new AttentionPiece(b, b + 1, 0, T, AttentionPart.Whole);
        for (int i = 0; i < Rows; i++) (ids[i], positions[i]) = (i % V, i % T);
        for (int i = 0; i < Slots; i++) (slots[i], last[i]) = (i, Context / 2);
        for (int i = 0; i < Rows * F; i++) s[i] = Math.Abs(s[i]); // AdamW's second moment
    }

    [Benchmark]
    [Does(4.0 * B * H * T * T / 2 * D, 4.0 * 4 * Rows * C)]
    public void AttentionForward() => workers.Run(new AttentionForward(x, k, v, y, logSum, starts, pieces, T, Rows, H, H, D, .125f), B * H);

    [Benchmark]
    [Does(10.0 * B * H * T * T / 2 * D, 4.0 * 9 * Rows * C)]
    public void AttentionBackward() =>
        workers.Run(new AttentionBackward(x, k, v, y, logSum, dy, dx, dk, dv, starts, pieces, T, Rows, H, H, D, .125f), B * H);

    [Benchmark]
    [Does(4.0 * Slots * C * Context / 2, 4.0 * 2 * Slots * C * Context / 2)]
    public void AttentionDecode() => workers.Run(new AttentionDecode(x, keys, values, slots, last, y, H, H, D, Context, .125f), Slots * H);

    [Benchmark]
    [Does(4.0 * Rows * C, 4.0 * 2 * Rows * C)]
    public void RmsNormForward() => workers.Run(new RmsNormForward(x, w, y, rowValue, C, 1e-5f), Rows);

    [Benchmark]
    [Does(8.0 * Rows * C, 4.0 * 4 * Rows * C)]
    public void RmsNormBackwardInput() => workers.Run(new RmsNormBackwardInput(x, w, rowValue, dy, dx, C), Rows);

    [Benchmark]
    [Does(3.0 * Rows * C, 4.0 * 2 * Rows * C)]
    public void RopeForward() => workers.Run(new Rope(x, positions, cos, sin, y, H, D, 1, false), Rows);

    [Benchmark]
    [Does(12.0 * Rows * F, 4.0 * 3 * Rows * F)]
    public void SwiGluForward() => workers.Run(new Zip<SiluMultiply>(wide, wide2, wide3), Rows * F);

    [Benchmark]
    [Does(20.0 * Rows * F, 4.0 * 7 * Rows * F)]
    public void SwiGluBackward() => workers.Run(new ZipBackward<SiluMultiply>(wide, wide2, wide3, dwide, dwide2), Rows * F);

    [Benchmark]
    [Does(12.0 * Rows * F, 4.0 * 2 * Rows * F)]
    public void Exp() => workers.Run(new Map<Exp>(wide, wide3, Rows * F), Rows * F);

    [Benchmark]
    [Does(12.0 * Rows * V, 4.0 * Rows * V)]
    public void GatherLogSoftmaxForward() => workers.Run(new GatherLogSoftmaxForward(logits, ids, rowValue, rowValue2, V), Rows);

    [Benchmark]
    [Does(14.0 * Rows * V, 4.0 * 3 * Rows * V)]
    public void GatherLogSoftmaxBackward() => workers.Run(new GatherLogSoftmaxBackward(logits, rowValue2, ids, rowValue, dlogits, V), Rows);

    [Benchmark]
    [Does(14.0 * Rows * F, 4.0 * 8 * Rows * F)]
    public void AdamW() => workers.Run(new AdamW(wide, dwide, m, s, 1e-4f, .9f, .95f, 1e-8f, .1f, 1, .5f, .5f), Rows * F);

    [GlobalCleanup]
    public void Dispose()
    {
        workers.Dispose();
        foreach (nint block in blocks) NativeMemory.AlignedFree((void*)block);
        blocks.Clear();
        GC.SuppressFinalize(this);
    }

    private float* New(int length)
    {
        float* block = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), 64);
        blocks.Add((nint)block);
        for (int i = 0; i < length; i++) block[i] = ((i * 37 % 101) - 50) / 64f;
        return block;
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class DoesAttribute(double flop, double bytes) : Attribute
    {
        public Work Work => new(flop, bytes);
    }

    private sealed class Columns : ManualConfig
    {
        public Columns()
        {
            static Work Of(BenchmarkCase c) =>
                ((DoesAttribute)Attribute.GetCustomAttribute(c.Descriptor.WorkloadMethod, typeof(DoesAttribute))!).Work;
            AddColumn(WorkColumn.All(Of));
        }
    }
}
