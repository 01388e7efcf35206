using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

public class RowTests
{
    private const float Forbidden = float.NegativeInfinity;

    // Exponentials within 3e-7, partial sums of up to 150,000 / 256 terms a work item or all of them for one alone; logarithms of a GPU's.
    private const double Tolerance = 5e-6;

    /// <summary>
    /// Whether a work item takes a row alone; rows; V: less than a run of eight, whole runs, several rows a group, more runs than a group
    /// has work items.
    /// </summary>
    public static TheoryData<bool, int, int> Sizes
    {
        get
        {
            var sizes = new TheoryData<bool, int, int>();
            foreach (bool alone in (bool[])[false, true])
            {
                foreach ((int rows, int v) in ((int, int)[])[(1, 1), (5, 3), (7, 16), (70, 20), (9, 259), (3, 5000), (2, 150_000)])
                {
                    sizes.Add(alone, rows, v);
                }
            }

            return sizes;
        }
    }

    [Theory]
    [InlineData(false, 3, 1)]
    [InlineData(false, 5, 67)]
    [InlineData(true, 5, 3)]
    [InlineData(true, 6, 67)]
    public void Functions_of_rows_agree_with_their_definitions(bool alone, int rows, int V) => Check(Accelerators.Threads, alone, rows, V);

    [OpenClTheory]
    [MemberData(nameof(Sizes))]
    public void Functions_of_rows_agree_with_their_definitions_on_OpenCL(bool alone, int rows, int V) =>
        Check(Accelerators.OpenCl, alone, rows, V);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_logit_that_is_no_number_makes_its_row_no_number_and_no_other(bool alone) =>
        Accelerators.On(Accelerators.Threads, accelerator =>
    {
        const int V = 19;
        float[] x = Operand.Normal(2 * V, seed: 1), q = Operand.Normal(2 * V, seed: 2);
        x[7] = float.NaN;
        var c = new RowCase(accelerator, alone, x, q, [1, 4], [1f, 1f], new float[2 * V], V);
        foreach (float[] result in (float[][])[c.LogZ, c.LogProb, c.Kl, c.Entropy])
        {
            Assert.Equal(float.NaN, result[0]);
            Assert.True(float.IsFinite(result[1]));
        }

        Assert.Equal(float.NaN, c.DLogProb[0]);
        Assert.All(c.DLogProb[V..], g => Assert.True(float.IsFinite(g)));
    });

    [OpenClTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forbidden_tokens_contribute_nothing_and_never_NaN(bool alone) => Accelerators.On(Accelerators.OpenCl, accelerator =>
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

        var c = new RowCase(accelerator, alone, x, q, [1, 4, 18], [1.5f, -2f, 1f], new float[3 * V], V);
        Assert.Equal([Forbidden, Forbidden, 0f], c.LogProb);
        Operand.Close(LogSoftmaxReference.LogSumExp(x.Doubles(), V), c.LogZ, Tolerance);
        Operand.Close(KlDivergenceReference.Forward(x.Doubles(), q.Doubles(), V), c.Kl, Tolerance, floor: 10);
        Operand.Close(EntropyReference.Forward(x.Doubles(), V), c.Entropy, Tolerance, floor: 10);
        foreach (float[] gradient in (float[][])[c.DLogZ, c.DKl, c.DEntropy])
        {
            for (int i = 0; i < x.Length; i++)
            {
                if (float.IsNegativeInfinity(x[i])) Assert.Equal(0f, gradient[i]);
                else Assert.True(float.IsFinite(gradient[i]));
            }
        }
    });

    [OpenClTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_divergence_is_infinite_where_the_reference_forbids_what_the_policy_allows(bool alone) =>
        Accelerators.On(Accelerators.OpenCl, accelerator =>
        Assert.Equal([float.PositiveInfinity], new RowCase(accelerator, alone, [0f, 0f], [0f, Forbidden], [0], [0f], [0f, 0f], 2).Kl));

    [Fact]
    public void The_reference_gradients_agree_with_central_differences()
    {
        const int rows = 3, V = 7;
        double[] x = Operand.Normal(rows * V, seed: 1).Doubles(), q = Operand.Normal(rows * V, seed: 2).Doubles(),
            dy = Operand.Normal(rows, seed: 3).Doubles();
        int[] ids = Operand.Ids(rows, V, seed: 4);
        Near(CentralDifference.Gradient(at => LogSoftmaxReference.Gather(at, ids, V), x, dy), RowGradientReference.Gather(x, ids, dy, V));
        Near(CentralDifference.Gradient(at => LogSoftmaxReference.LogSumExp(at, V), x, dy), RowGradientReference.LogSumExp(x, dy, V));
        Near(CentralDifference.Gradient(at => KlDivergenceReference.Forward(at, q, V), x, dy),
            RowGradientReference.KlDivergence(x, q, dy, V));
        Near(CentralDifference.Gradient(at => EntropyReference.Forward(at, V), x, dy), RowGradientReference.Entropy(x, dy, V));

        static void Near(double[] expected, double[] actual)
        {
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-8);
        }
    }

    [Fact]
    public void The_exponential_of_eight_is_within_its_bound()
    {
        for (float x = 0f; x > -90f; x -= 0.00137f)
        {
            double expected = x > -87f ? Math.Exp(x) : 0;
            Assert.Equal(expected, Lanes.Exp(x), 3e-7 * expected);
        }

        Assert.Equal(0f, Lanes.Exp(float.NegativeInfinity));
        Assert.Equal(1f, Lanes.Exp(0f));
    }

    private static void Check(string on, bool alone, int rows, int V) => Accelerators.On(on, accelerator =>
    {
        float[] x = Operand.Normal(rows * V, seed: 1, scale: 2), q = Operand.Normal(rows * V, seed: 2, scale: 2),
            dy = Operand.Normal(rows, seed: 3);
        float[] before = Operand.Normal(rows * V, seed: 4);
        int[] ids = Operand.Ids(rows, V, seed: 5);
        var c = new RowCase(accelerator, alone, x, q, ids, dy, before, V);
        double[] xs = x.Doubles(), qs = q.Doubles(), dys = dy.Doubles();

        Operand.Close(LogSoftmaxReference.LogSumExp(xs, V), c.LogZ, Tolerance);
        Operand.Close(LogSoftmaxReference.Gather(xs, ids, V), c.LogProb, Tolerance);
        Operand.Close([.. ids.Select((id, r) => xs[r * V + id])], c.Gathered, 0);

        // Sums whose terms are p times log-probabilities up to about 10, each within 1e-6: floor 10.
        Operand.Close(KlDivergenceReference.Forward(xs, qs, V), c.Kl, Tolerance, floor: 10);
        Operand.Close(EntropyReference.Forward(xs, V), c.Entropy, Tolerance, floor: 10);

        Added(RowGradientReference.Gather(xs, ids, dys, V), c.DLogProb);
        Added(RowGradientReference.LogSumExp(xs, dys, V), c.DLogZ);
        Added(RowGradientReference.KlDivergence(xs, qs, dys, V), c.DKl);
        Added(RowGradientReference.Entropy(xs, dys, V), c.DEntropy);
        double[] scattered = before.Doubles();
        for (int r = 0; r < rows; r++) scattered[r * V + ids[r]] += dy[r];
        Operand.Close(scattered, c.DGathered, 1e-7);

        var again = new RowCase(accelerator, alone, x, q, ids, dy, before, V);
        Operand.Identical(c.LogZ, again.LogZ);
        Operand.Identical(c.Kl, again.Kl);
        Operand.Identical(c.DKl, again.DKl);
        Operand.Identical(c.DLogProb, again.DLogProb);

        void Added(double[] gradient, float[] actual) => Operand.Close([.. gradient.Select((g, i) => g + before[i])], actual, Tolerance);
    });
}
