using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

public class AttentionDecodeTests
{
    private const int B = 3;

    // As for attention over a sequence: scores near 1 with an error near 1e-6.
    private const double Tolerance = 1e-5;

    [Theory]
    [InlineData("tiled", 3, 2, 1, 6, 0)]
    [InlineData("serial", 19, 4, 1, 6, 0)]
    [InlineData("serial", 40, 1, 1, 6, 18)]
    public void A_token_against_the_cache_equals_the_token_in_its_sequence(string form, int T, int H, int Hkv, int D, int window) =>
        Check(Accelerators.Threads, form, T, H, Hkv, D, window);

    [OpenClTheory]
    [InlineData("tiled", 1, 1, 1, 2, 0)]
    [InlineData("tiled", 50, 4, 2, 20, 0)]
    [InlineData("tiled", 150, 2, 1, 32, 0)]
    [InlineData("tiled", 20, 1, 1, 256, 0)]
    [InlineData("tiled", 50, 4, 2, 20, 1)]
    [InlineData("tiled", 300, 2, 1, 6, 140)]
    [InlineData("serial", 1, 1, 1, 2, 0)]
    [InlineData("serial", 50, 4, 2, 20, 0)]
    [InlineData("serial", 150, 2, 1, 32, 0)]
    [InlineData("serial", 20, 1, 1, 256, 0)]
    [InlineData("serial", 50, 4, 2, 20, 1)]
    [InlineData("serial", 300, 2, 1, 6, 140)]
    public void A_token_against_the_cache_equals_the_token_in_its_sequence_on_OpenCL(string form, int T, int H, int Hkv, int D,
        int window) =>
        Check(Accelerators.OpenCl, form, T, H, Hkv, D, window);

    private static void Check(string on, string form, int T, int H, int Hkv, int D, int window) => Accelerators.On(on, accelerator =>
    {
        int rowQ = H * D, rowK = Hkv * D, context = (T + 31) / 16 * 16;
        float scale = 1 / MathF.Sqrt(D);
        float[] q = Operand.Normal(B * T * rowQ, seed: 1), k = Operand.Normal(B * T * rowK, seed: 2),
            v = Operand.Normal(B * T * rowK, seed: 3);
        double[] expected = AttentionReference.Forward(q.Doubles(), k.Doubles(), v.Doubles(), AttentionRun.Equal(B, T), H, Hkv, D, scale,
            window);

        // The cache starts as garbage. Sequence b lives in slot 2 − b; one row for each token of each sequence, in an order of no meaning.
        float[] garbage = [.. Enumerable.Range(0, B * context * rowK).Select(i => i % 2 == 0 ? float.NaN : 1e30f)];
        int[] order = [.. Enumerable.Range(0, B * T).OrderBy(i => i * 7919 % 1013)];
        using Memory<float> cacheK = new(accelerator, garbage), cacheV = new(accelerator, garbage),
            y = new(accelerator, [.. q.Select(_ => float.NaN)]);
        using Memory<float> qs = new(accelerator, Rows(q, rowQ)), ks = new(accelerator, Rows(k, rowK)),
            vs = new(accelerator, Rows(v, rowK));
        using Memory<int> slots = new(accelerator, [.. order.Select(i => 2 - i / T)]),
            positions = new(accelerator, [.. order.Select(i => i % T)]);
        var size = new CacheSize(B * T, H, Hkv, D, context, scale, window == 0 ? int.MaxValue : window);
        accelerator.Kernel(a => new CacheAppend(a)).Run(ks, vs, slots, positions, cacheK, cacheV, size);
        Attend(accelerator, form, qs, cacheK, cacheV, slots, positions, y, size);
        float[] first = y.ToArray();
        Operand.Close(Rows(expected, rowQ), first, Tolerance);
        Attend(accelerator, form, qs, cacheK, cacheV, slots, positions, y, size);
        Operand.Identical(first, y.ToArray());

        T1[] Rows<T1>(T1[] x, int row) => [.. order.SelectMany(i => x[(i * row)..((i + 1) * row)])];
    });

    private static void Attend(
        Accelerator accelerator, string form, Memory<float> q, Memory<float> cacheK, Memory<float> cacheV, Memory<int> slots,
        Memory<int> positions, Memory<float> y,
        CacheSize size)
    {
        if (form == "tiled") accelerator.Kernel(a => new AttentionDecode(a)).Run(q, cacheK, cacheV, slots, positions, y, size);
        else accelerator.Kernel(a => new AttentionDecodeSerial(a)).Run(q, cacheK, cacheV, slots, positions, y, size);
        accelerator.Synchronize();
    }
}
