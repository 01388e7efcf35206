using MiniTransformer.Kernels.Cpu;

namespace MiniTransformer.Tests.Kernels;

public unsafe class AttentionDecodeTests
{
    private const int B = 3;

    [Theory]
    [InlineData(1, 1, 1, 2)]
    [InlineData(19, 4, 1, 6)]
    [InlineData(50, 4, 2, 20)]
    [InlineData(70, 2, 1, 32)]
    [InlineData(40, 1, 1, 64)]
    public void A_token_against_the_cache_equals_the_token_in_its_sequence_to_the_last_bit(int T, int H, int Hkv, int D)
    {
        int rowQ = H * D, rowK = Hkv * D, context = (T + 31) / 16 * 16;
        float scale = 1 / MathF.Sqrt(D);
        float[] q = Operand.Normal(B * T * rowQ, seed: 1), k = Operand.Normal(B * T * rowK, seed: 2),
            v = Operand.Normal(B * T * rowK, seed: 3);
        using Buffer<float> qs = new(q), ks = new(k), vs = new(v), y = new(Operand.Zeros(q.Length)), logSum = new(Operand.Zeros(B * H * T));
        using AttentionRun run = new(AttentionRun.Equal(B, T), H, Hkv, D, scale);
        run.Forward(qs, ks, vs, y, logSum);

        // The cache starts as garbage. Sequence b lives in slot 2 − b; every step decodes one token of each.
        float[] garbage = [.. Enumerable.Range(0, B * context * rowK).Select(i => i % 2 == 0 ? float.NaN : 1e30f)];
        using Buffer<float> cacheK = new(garbage), cacheV = new(garbage), stepQ = new(Operand.Zeros(B * rowQ)),
            stepY = new(Operand.Zeros(B * rowQ));
        using Buffer<float> stepK = new(Operand.Zeros(B * rowK)), stepV = new(Operand.Zeros(B * rowK));
        using Buffer<int> slots = new(2, 1, 0), positions = new(0, 0, 0);
        for (int t = 0; t < T; t++)
        {
            positions.Span.Fill(t);
            for (int b = 0; b < B; b++)
            {
                q.AsSpan((b * T + t) * rowQ, rowQ).CopyTo(stepQ.Span[(b * rowQ)..]);
                k.AsSpan((b * T + t) * rowK, rowK).CopyTo(stepK.Span[(b * rowK)..]);
                v.AsSpan((b * T + t) * rowK, rowK).CopyTo(stepV.Span[(b * rowK)..]);
            }

            new CacheAppend(stepK, stepV, slots, positions, cacheK, cacheV, Hkv, D, context).Run(0, B);
            new AttentionDecode(stepQ, cacheK, cacheV, slots, positions, stepY, H, Hkv, D, context, scale).Run(0, B * H);
            for (int b = 0; b < B; b++) Operand.Identical(y.Span.Slice((b * T + t) * rowQ, rowQ), stepY.Span.Slice(b * rowQ, rowQ));
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(23)]
    public void The_result_for_a_token_does_not_depend_on_the_length_of_its_sequence(int shorter)
    {
        const int T = 90, H = 2, D = 20;
        float[] q = Operand.Normal(T * H * D, seed: 1), k = Operand.Normal(T * H * D, seed: 2), v = Operand.Normal(T * H * D, seed: 3);
        float[] Forward(int length)
        {
            int n = length * H * D;
            using Buffer<float> qs = new(q[..n]), ks = new(k[..n]), vs = new(v[..n]), y = new(Operand.Zeros(n)),
                logSum = new(Operand.Zeros(H * length));
            using AttentionRun run = new([0, length], H, H, D, 0.2f);
            run.Forward(qs, ks, vs, y, logSum);
            return y.ToArray();
        }

        Operand.Identical(Forward(T).AsSpan(0, shorter * H * D), Forward(shorter));
    }
}
