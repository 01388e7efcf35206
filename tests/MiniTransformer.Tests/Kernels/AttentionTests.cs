using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class AttentionTests
{
    private const int B = 2;

    // Scores are sums of D products of normal numbers, scaled to be near 1; their error of about 1e-6 enters the probabilities.
    private const double Tolerance = 5e-6;

    [Theory]
    [InlineData(1, 1, 1, 2)]
    [InlineData(7, 2, 1, 6)]
    [InlineData(16, 4, 2, 8)]
    [InlineData(33, 4, 1, 16)]
    [InlineData(67, 4, 2, 20)]
    [InlineData(130, 2, 2, 32)]
    public void Forward_agrees_with_the_definition(int T, int H, int Hkv, int D)
    {
        var c = new Case(T, H, Hkv, D);
        Operand.Close(c.Reference(c.Q.Doubles(), c.K.Doubles(), c.V.Doubles()), c.Forward().Y, Tolerance);
    }

    [Theory]
    [InlineData(1, 1, 1, 2)]
    [InlineData(7, 2, 1, 6)]
    [InlineData(17, 4, 2, 4)]
    [InlineData(18, 2, 1, 12)]
    [InlineData(9, 2, 1, 20)]
    [InlineData(67, 1, 1, 2)]
    public void Backward_agrees_with_central_differences(int T, int H, int Hkv, int D)
    {
        var c = new Case(T, H, Hkv, D);
        float[] dy = Operand.Normal(c.Q.Length, seed: 9), dqBefore = Operand.Normal(c.Q.Length, seed: 10),
            dkBefore = Operand.Normal(c.K.Length, seed: 11);
        (float[] dq, float[] dk, float[] dv) = c.Backward(dy, dqBefore, dkBefore, dkBefore);

        double[] q = c.Q.Doubles(), k = c.K.Doubles(), v = c.V.Doubles(), d = dy.Doubles();
        Check(CentralDifference.Gradient(at => c.Reference(at, k, v), q, d), dqBefore, dq);
        Check(CentralDifference.Gradient(at => c.Reference(q, at, v), k, d), dkBefore, dk);
        Check(CentralDifference.Gradient(at => c.Reference(q, k, at), v, d), dkBefore, dv);
    }

    [Fact]
    public void Backward_agrees_with_directional_differences_in_a_long_sequence()
    {
        // ⟨dq, u⟩ + ⟨dk, w⟩ + ⟨dv, w⟩ is the derivative of ⟨dy, y⟩ along (u, w, w).
        var c = new Case(T: 150, H: 4, Hkv: 2, D: 32);
        float[] dy = Operand.Normal(c.Q.Length, seed: 9), u = Operand.Normal(c.Q.Length, seed: 10),
            w = Operand.Normal(c.K.Length, seed: 11);
        (float[] dq, float[] dk, float[] dv) = c.Backward(dy, Operand.Zeros(u.Length), Operand.Zeros(w.Length), Operand.Zeros(w.Length));
        double Moved(double h) => c.Reference(Along(c.Q, u, h), Along(c.K, w, h), Along(c.V, w, h)).Zip(dy, (y, d) => y * d).Sum();
        double expected = (Moved(1e-5) - Moved(-1e-5)) / 2e-5;
        double actual = Inner(dq, u) + Inner(dk, w) + Inner(dv, w);
        double size = Math.Sqrt(Inner(dq, dq) + Inner(dk, dk) + Inner(dv, dv)) * Math.Sqrt(2 * Inner(w, w) + Inner(u, u));

        // 1e-5 of |gradient| · |direction|: an inner product of float gradients, each within 1e-5.
        Assert.Equal(expected, actual, 1e-5 * size);
        Assert.True(Math.Abs(expected) > 1e-4 * size); // the direction sees the gradient

        static double[] Along(float[] x, float[] direction, double h) => [.. x.Select((v, i) => v + h * direction[i])];
        static double Inner(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
    }

    [Fact]
    public void A_token_does_not_see_later_tokens_nor_other_sequences()
    {
        var c = new Case(T: 40, H: 2, Hkv: 1, D: 20);
        float[] before = c.Forward().Y;
        int row = c.H * c.D, keys = c.Hkv * c.D;
        for (int t = 21; t < 80; t++)
        {
            c.K.AsSpan(t * keys, keys).Fill(50f);
            c.V.AsSpan(t * keys, keys).Fill(-1e20f);
        }

        Operand.Identical(before.AsSpan(0, 21 * row), c.Forward().Y.AsSpan(0, 21 * row));
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        var c = new Case(T: 20, H: 1, Hkv: 1, D: 4);
        for (int i = 0; i < c.Q.Length; i++) c.Q[i] *= 700;
        (float[] y, float[] logSum) = c.Forward();
        Operand.Close(c.Reference(c.Q.Doubles(), c.K.Doubles(), c.V.Doubles()), y, 1e-3); // scores near 1000 are known to 1e-4
        Assert.All(logSum, x => Assert.True(float.IsFinite(x)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(66)] // the last key before a cut is the first that the second query after it sees
    [InlineData(100)]
    [InlineData(333)]
    public void However_a_long_sequence_among_short_ones_is_cut_the_bits_are_the_same(int window)
    {
        const int H = 4, Hkv = 2, D = 20;
        int[] starts = [0, 5, 5, 711, 712, 800];
        float[] q = Operand.Normal(800 * H * D, seed: 1), k = Operand.Normal(800 * Hkv * D, seed: 2),
            v = Operand.Normal(800 * Hkv * D, seed: 3);
        float[] dys = Operand.Normal(q.Length, seed: 4);
        (float[][] whole, int few) = Run(threads: 1);
        (float[][] cut, int many) = Run(threads: 7);
        for (int i = 0; i < whole.Length; i++) Operand.Identical(whole[i], cut[i]);
        Assert.True(many >= 2 * few, $"{few} and {many} pieces");

        (float[][] Results, int Pieces) Run(int threads)
        {
            using Buffer<float> qs = new(q), ks = new(k), vs = new(v), y = new(Operand.Zeros(q.Length)),
                logSum = new(Operand.Zeros(800 * H)), dy = new(dys);
            using Buffer<float> dq = new(Operand.Zeros(q.Length)), dk = new(Operand.Zeros(k.Length)), dv = new(Operand.Zeros(k.Length));
            using AttentionRun run = new(starts, H, Hkv, D, 0.3f, window, threads);
            run.Forward(qs, ks, vs, y, logSum);
            int pieces = run.Pieces;
            run.Backward(qs, ks, vs, y, logSum, dy, dq, dk, dv);
            return ([y.ToArray(), logSum.ToArray(), dq.ToArray(), dk.ToArray(), dv.ToArray()], Math.Min(pieces, run.Pieces));
        }
    }

    private static void Check(double[] expected, float[] before, float[] actual) =>
        Operand.Close([.. expected.Select((g, i) => g + before[i])], actual, Tolerance, floor: 3); // sums of up to T terms near 1

    private sealed class Case(int T, int H, int Hkv, int D)
    {
        private readonly float scale = 1 / MathF.Sqrt(D);

        public int H { get; } = H;

        public int Hkv { get; } = Hkv;

        public int D { get; } = D;

        public float[] Q { get; } = Operand.Normal(B * T * H * D, seed: 1);

        public float[] K { get; } = Operand.Normal(B * T * Hkv * D, seed: 2);

        public float[] V { get; } = Operand.Normal(B * T * Hkv * D, seed: 3);

        public double[] Reference(double[] q, double[] k, double[] v) =>
            AttentionReference.Forward(q, k, v, AttentionRun.Equal(B, T), H, Hkv, D, scale);

        public (float[] Y, float[] LogSum) Forward()
        {
            using Buffer<float> q = new(Q), k = new(K), v = new(V), y = new(Operand.Zeros(Q.Length)),
                logSum = new(Operand.Zeros(B * H * T));
            using AttentionRun run = new(AttentionRun.Equal(B, T), H, Hkv, D, scale);
            run.Forward(q, k, v, y, logSum);
            return (y.ToArray(), logSum.ToArray());
        }

        public (float[] Dq, float[] Dk, float[] Dv) Backward(float[] dy, float[] dqBefore, float[] dkBefore, float[] dvBefore)
        {
            (float[] yValues, float[] logSums) = Forward();
            using Buffer<float> q = new(Q), k = new(K), v = new(V), y = new(yValues), logSum = new(logSums), dys = new(dy);
            using Buffer<float> dq = new(dqBefore), dk = new(dkBefore), dv = new(dvBefore);
            using AttentionRun run = new(AttentionRun.Equal(B, T), H, Hkv, D, scale);
            run.Backward(q, k, v, y, logSum, dys, dq, dk, dv);
            return (dq.ToArray(), dk.ToArray(), dv.ToArray());
        }
    }
}
