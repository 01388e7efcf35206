using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class LogSoftmaxTests
{
    private const int Rows = 4;
    private const float Forbidden = float.NegativeInfinity;

    // Log-sums of at most 259 terms: exponentials within 2 ulp, partial sums, one logarithm. Gradients are sums with what was there.
    private const double Tolerance = 2e-6;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(259)]
    public void Log_sums_and_gathered_log_probabilities_agree_with_the_definition(int V)
    {
        float[] x = Operand.Normal(Rows * V, seed: 1, scale: 3), dy = Operand.Normal(Rows, seed: 2),
            before = Operand.Normal(Rows * V, seed: 3);
        int[] ids = Operand.Ids(Rows, V, seed: 4);
        using Buffer<float> xs = new(x), logZ = new(Operand.Zeros(Rows)), alone = new(Operand.Zeros(Rows)),
            logProb = new(Operand.Zeros(Rows));
        using Buffer<float> dys = new(dy), dz = new(before), dx = new(before);
        using var pids = new Buffer<int>(ids);
        new LogSumExpForward(xs, alone, V).Run(0, Rows);
        new LogSumExpBackward(xs, alone, dys, dz, V).Run(0, Rows);
        new GatherLogSoftmaxForward(xs, pids, logProb, logZ, V).Run(0, Rows);
        new GatherLogSoftmaxBackward(xs, logZ, pids, dys, dx, V).Run(0, Rows);

        Operand.Close(LogSoftmaxReference.LogSumExp(x.Doubles(), V), logZ.ToArray(), Tolerance);
        Operand.Identical(alone.Span, logZ.Span);
        Operand.Close(LogSoftmaxReference.Gather(x.Doubles(), ids, V), logProb.ToArray(), Tolerance);
        Check(at => LogSoftmaxReference.LogSumExp(at, V), x, dy, before, dz);
        Check(at => LogSoftmaxReference.Gather(at, ids, V), x, dy, before, dx);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(259)]
    public void Divergence_and_entropy_agree_with_the_definition(int V)
    {
        float[] x = Operand.Normal(Rows * V, seed: 1, scale: 2), q = Operand.Normal(Rows * V, seed: 2, scale: 2);
        float[] dy = Operand.Normal(Rows, seed: 3), before = Operand.Normal(Rows * V, seed: 4);
        using Buffer<float> xs = new(x), qs = new(q), kl = new(Operand.Zeros(Rows)), z = new(Operand.Zeros(Rows)),
            zq = new(Operand.Zeros(Rows));
        using Buffer<float> entropy = new(Operand.Zeros(Rows)), dys = new(dy), dKl = new(before), dEntropy = new(before);
        new KlDivergenceForward(xs, qs, kl, z, zq, V).Run(0, Rows);
        new KlDivergenceBackward(xs, z, qs, zq, kl, dys, dKl, V).Run(0, Rows);
        new EntropyForward(xs, entropy, z, V).Run(0, Rows);
        new EntropyBackward(xs, z, entropy, dys, dEntropy, V).Run(0, Rows);

        // Sums whose terms are p times log-probabilities up to about 10, each within 1e-6: floor 10.
        Operand.Close(KlDivergenceReference.Forward(x.Doubles(), q.Doubles(), V), kl.ToArray(), Tolerance, floor: 10);
        Operand.Close(EntropyReference.Forward(x.Doubles(), V), entropy.ToArray(), Tolerance, floor: 10);
        Check(at => KlDivergenceReference.Forward(at, q.Doubles(), V), x, dy, before, dKl);
        Check(at => EntropyReference.Forward(at, V), x, dy, before, dEntropy);
    }

    [Theory]
    [InlineData(700f)]
    [InlineData(-700f)]
    public void A_constant_added_to_all_logits_changes_the_log_sum_alone(float shift)
    {
        const int V = 37;
        float[] x = [.. Operand.Normal(V, seed: 1).Select(v => MathF.Round(v * 1024) / 1024)]; // so that x ± 700 is exact
        using Buffer<float> near = new(x), far = new([.. x.Select(v => v + shift)]), out1 = new(0f, 0f), out2 = new(0f, 0f);
        new EntropyForward(near, out1, (float*)out1 + 1, V).Run(0, 1);
        new EntropyForward(far, out2, (float*)out2 + 1, V).Run(0, 1);
        Assert.Equal(out1.Span[1] + shift, out2.Span[1], 1e-4); // floats near 700 are 6e-5 apart
        Assert.Equal(out1.Span[0], out2.Span[0], 1e-3);         // Σ p (x − logZ): the rounding of logZ enters once
    }

    [Fact]
    public void Forbidden_tokens_contribute_nothing_and_never_NaN()
    {
        // Row 0: some tokens forbidden. Row 1: all. Row 2: one allowed. The reference forbids what the policy forbids.
        const int V = 19;
        float[] x = Operand.Normal(3 * V, seed: 1), q = Operand.Normal(3 * V, seed: 2);
        for (int j = 0; j < V; j++)
        {
            if (j % 3 == 1) x[j] = q[j] = Forbidden;
            x[V + j] = Forbidden;
            if (j != 18) x[2 * V + j] = Forbidden;
        }

        int[] ids = [1, 4, 18];
        float[] dy = [1.5f, -2f, 1f];
        using Buffer<float> xs = new(x), qs = new(q), logProb = new(Operand.Zeros(3)), z = new(Operand.Zeros(3)),
            zq = new(Operand.Zeros(3));
        using Buffer<float> kl = new(Operand.Zeros(3)), entropy = new(Operand.Zeros(3)), dys = new(dy), dx = new(Operand.Zeros(3 * V));
        using var pids = new Buffer<int>(ids);
        new GatherLogSoftmaxForward(xs, pids, logProb, z, V).Run(0, 3);
        Assert.Equal([Forbidden, Forbidden, 0f], logProb.ToArray());
        Operand.Close(LogSoftmaxReference.LogSumExp(x.Doubles(), V), z.ToArray(), Tolerance);
        new KlDivergenceForward(xs, qs, kl, z, zq, V).Run(0, 3);
        new EntropyForward(xs, entropy, z, V).Run(0, 3);
        Operand.Close(KlDivergenceReference.Forward(x.Doubles(), q.Doubles(), V), kl.ToArray(), Tolerance, floor: 10);
        Operand.Close(EntropyReference.Forward(x.Doubles(), V), entropy.ToArray(), Tolerance, floor: 10);

        new LogSumExpBackward(xs, z, dys, dx, V).Run(0, 3);
        new KlDivergenceBackward(xs, z, qs, zq, kl, dys, dx, V).Run(0, 3);
        new EntropyBackward(xs, z, entropy, dys, dx, V).Run(0, 3);
        for (int i = 0; i < x.Length; i++)
        {
            if (float.IsNegativeInfinity(x[i])) Assert.Equal(0f, dx.Span[i]);
            else Assert.True(float.IsFinite(dx.Span[i]));
        }
    }

    [Fact]
    public void The_divergence_is_infinite_where_the_reference_forbids_what_the_policy_allows()
    {
        using Buffer<float> x = new(0f, 0f), q = new(0f, Forbidden), kl = new(0f), z = new(0f), zq = new(0f);
        new KlDivergenceForward(x, q, kl, z, zq, 2).Run(0, 1);
        Assert.Equal(float.PositiveInfinity, kl.Span[0]);
    }

    private static void Check(Func<double[], double[]> f, float[] x, float[] dy, float[] before, Buffer<float> actual)
    {
        double[] expected = CentralDifference.Gradient(f, x.Doubles(), dy.Doubles());
        Operand.Close([.. expected.Select((g, i) => g + before[i])], actual.ToArray(), Tolerance);
    }
}
