using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Kernels;

public unsafe class SampleTests
{
    [Theory]
    [InlineData(1, 1f, 0, 1f)]
    [InlineData(3, 0.7f, 0, 1f)]
    [InlineData(259, 1f, 0, 1f)]
    [InlineData(259, 1.5f, 10, 1f)]
    [InlineData(259, 1f, 0, 0.8f)]
    [InlineData(259, 0.9f, 40, 0.5f)]
    [InlineData(259, 1f, 1000, 1f)]
    [InlineData(259, 1f, 1, 0.1f)]
    [InlineData(128, 1f, 0, 0.3f)]
    public void Draws_invert_the_cumulative_distribution(int V, float temperature, int topK, float topP)
    {
        float[] x = Operand.Normal(V, seed: 1, scale: 2);
        double[] p = SampleReference.Distribution(x.Doubles(), temperature, topK, topP);

        // The midpoint of each token's interval of the cumulative distribution, far from rounding at its ends.
        double below = 0;
        for (int id = 0; id < V; id++)
        {
            if (p[id] > 1e-5)
            {
                Assert.Equal(id, SampleReference.Invert(p, below + p[id] / 2));
                Assert.Equal(id, Draw(x, (float)(below + p[id] / 2), temperature, topK, topP).Id);
            }

            below += p[id];
        }
    }

    [Fact]
    public void The_extremes_of_the_uniform_number_draw_the_first_and_the_last_possible_token()
    {
        float[] x = Operand.Normal(200, seed: 1);
        x[0] = x[199] = float.NegativeInfinity;
        foreach ((int topK, float topP) in new[] { (0, 1f), (199, 1f) })
        {
            Assert.Equal(1, Draw(x, 0f, 1f, topK, topP).Id);
            Assert.Equal(198, Draw(x, MathF.BitDecrement(1f), 1f, topK, topP).Id);
        }
    }

    [Fact]
    public void Temperature_0_takes_the_lowest_id_of_the_largest_logits()
    {
        float[] x = [0f, 3f, float.NegativeInfinity, 3f, 1f];
        Assert.Equal(1, Draw(x, 0.99f, 0f, 0, 1f).Id);
    }

    [Fact]
    public void Ties_at_the_edge_of_top_k_go_to_the_lower_id()
    {
        float[] x = [0f, 1f, 1f, 1f];
        Assert.Equal(1, Draw(x, 0f, 1f, 2, 1f).Id);
        Assert.Equal(2, Draw(x, 0.999f, 1f, 2, 1f).Id);
    }

    [Fact]
    public void A_forbidden_token_is_never_drawn_unless_all_are()
    {
        const float no = float.NegativeInfinity;
        Assert.Equal((2, 0f), Draw([no, no, 5f, no], 0.5f, 1f, 0, 1f));
        Assert.Equal((2, 0f), Draw([no, no, 5f, no], 0.5f, 1f, 3, 0.9f));
        Assert.Equal((0, no), Draw([no, no, no], 0.5f, 1f, 0, 1f));
        Assert.Equal((0, no), Draw([no, no, no], 0.5f, 1f, 2, 0.5f));
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.5f, 3, 0.9f)]
    [InlineData(0f, 0, 1f)]
    public void The_log_probability_is_that_of_the_untruncated_policy(float temperature, int topK, float topP)
    {
        const int V = 67;
        float[] x = Operand.Normal(V, seed: 2, scale: 3);
        (int id, float logProb) = Draw(x, 0.4f, temperature, topK, topP);
        using Buffer<float> xs = new(x), gathered = new(0f), logZ = new(0f);
        using var ids = new Buffer<int>(id);
        new GatherLogSoftmaxForward(xs, ids, gathered, logZ, V).Run(0, 1);
        Assert.Equal(gathered.Span[0], logProb);
    }

    [Fact]
    public void Frequencies_follow_the_probabilities()
    {
        const int V = 5, draws = 20_000;
        float[] x = Operand.Normal(V, seed: 3);
        double[] p = SampleReference.Distribution(x.Doubles(), 1, 0, 1);
        using Buffer<float> logits = new([.. Enumerable.Repeat(x, draws).SelectMany(r => r)]), logProbs = new(Operand.Zeros(draws));
        var rng = new MiniTransformer.Tensors.Rng(4);
        using Buffer<float> uniforms = new([.. Enumerable.Range(0, draws).Select(_ => rng.NextUniform())]);
        using var ids = new Buffer<int>(new int[draws]);
        new Sample(logits, uniforms, ids, logProbs, V, 1f, 0, 1f).Run(0, draws);
        for (int id = 0; id < V; id++)
        {
            // Five standard deviations of a binomial frequency.
            double frequency = ids.ToArray().Count(i => i == id) / (double)draws;
            Assert.Equal(p[id], frequency, 5 * Math.Sqrt(p[id] * (1 - p[id]) / draws));
        }
    }

    private static (int Id, float LogProb) Draw(float[] logits, float uniform, float temperature, int topK, float topP)
    {
        using Buffer<float> x = new(logits), u = new(uniform), logProb = new(0f);
        using var id = new Buffer<int>(-1);
        new Sample(x, u, id, logProb, logits.Length, temperature, topK, topP).Run(0, 1);
        return (id.Span[0], logProb.Span[0]);
    }
}
