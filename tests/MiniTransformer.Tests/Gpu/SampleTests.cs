using ILGPU.Runtime;
using MiniTransformer.Kernels.Gpu;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

public unsafe class SampleTests
{
    private const float No = float.NegativeInfinity;

    public static TheoryData<bool> Forms => [false, true];

    [Theory]
    [InlineData(false, 19, 0.7f, 0, 1f)]
    [InlineData(false, 19, 1f, 5, 0.8f)]
    [InlineData(true, 19, 1.3f, 0, 1f)]
    [InlineData(true, 67, 1f, 12, 0.6f)]
    public void Draws_invert_the_cumulative_distribution(bool alone, int V, float temperature, int topK, float topP) =>
        Accelerators.On(Accelerators.Threads, accelerator => Invert(accelerator, alone, V, temperature, topK, topP));

    [OpenClTheory]
    [MemberData(nameof(Forms))]
    public void Draws_invert_the_cumulative_distribution_on_OpenCL(bool alone) => Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        Invert(accelerator, alone, 1, 1f, 0, 1f);
        Invert(accelerator, alone, 3, 0.7f, 0, 1f);
        Invert(accelerator, alone, 259, 1f, 0, 1f);
        Invert(accelerator, alone, 259, 1.5f, 10, 1f);
        Invert(accelerator, alone, 259, 1f, 0, 0.8f);
        Invert(accelerator, alone, 259, 0.9f, 40, 0.5f);
        Invert(accelerator, alone, 259, 1f, 1000, 1f);
        Invert(accelerator, alone, 259, 1f, 1, 0.1f);
        Invert(accelerator, alone, 128, 1f, 0, 0.3f);
        Invert(accelerator, alone, 5000, 1f, 0, 0.9f);
    });

    [OpenClTheory]
    [MemberData(nameof(Forms))]
    public void The_extremes_of_the_uniform_number_draw_the_first_and_the_last_possible_token(bool alone) =>
        Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        float[] x = Operand.Normal(200, seed: 1);
        x[0] = x[199] = No;
        foreach ((int topK, float topP) in new[] { (0, 1f), (199, 1f), (0, 0.9999999f) })
        {
            Assert.Equal(1, Draw(accelerator, alone, x, 0f, 1f, topK, topP).Id);
            Assert.Equal(198, Draw(accelerator, alone, x, MathF.BitDecrement(1f), 1f, topK, 1f).Id);
        }
    });

    [OpenClTheory]
    [MemberData(nameof(Forms))]
    public void Ties_go_to_the_lower_id_and_forbidden_tokens_are_never_drawn(bool alone) =>
        Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        Assert.Equal(1, Draw(accelerator, alone, [0f, 3f, No, 3f, 1f], 0.99f, 0f, 0, 1f).Id);
        Assert.Equal(1, Draw(accelerator, alone, [0f, 1f, 1f, 1f], 0f, 1f, 2, 1f).Id);
        Assert.Equal(2, Draw(accelerator, alone, [0f, 1f, 1f, 1f], 0.999f, 1f, 2, 1f).Id);
        Assert.Equal((2, 0f), Draw(accelerator, alone, [No, No, 5f, No], 0.5f, 1f, 0, 1f));
        Assert.Equal((2, 0f), Draw(accelerator, alone, [No, No, 5f, No], 0.5f, 1f, 3, 0.9f));
        Assert.Equal((0, No), Draw(accelerator, alone, [No, No, No], 0.5f, 1f, 0, 1f));
        Assert.Equal((0, No), Draw(accelerator, alone, [No, No, No], 0.5f, 1f, 2, 0.5f));
        Assert.Equal((0, No), Draw(accelerator, alone, [No, No, No], 0.5f, 0f, 0, 1f));

        // Equal logits far apart, so that different work items count them: the first 300 of 1000 are kept, then half their mass.
        float[] x = [.. Enumerable.Range(0, 2000).Select(i => i % 2 == 0 ? 1f : -1f)];
        Assert.Equal(0, Draw(accelerator, alone, x, 0f, 1f, 300, 1f).Id);
        Assert.Equal(598, Draw(accelerator, alone, x, MathF.BitDecrement(1f), 1f, 300, 1f).Id);
        Assert.Equal(298, Draw(accelerator, alone, x, MathF.BitDecrement(1f), 1f, 300, 0.5f).Id);
        Assert.Equal(150, Draw(accelerator, alone, x, 0.5f + 1e-4f, 1f, 300, 0.5f).Id);
    });

    [OpenClTheory]
    [InlineData(false, 23, 4000, 1f, 0, 1f)]
    [InlineData(true, 23, 4000, 1f, 0, 1f)]
    [InlineData(false, 259, 2000, 0.8f, 20, 0.9f)]
    [InlineData(true, 259, 2000, 0.8f, 20, 0.9f)]
    [InlineData(false, 259, 2000, 1f, 0, 0.95f)]
    [InlineData(true, 259, 2000, 1f, 0, 0.95f)]
    [InlineData(false, 150_000, 8, 1f, 0, 1f)]
    [InlineData(true, 150_000, 8, 1f, 50, 0.9f)]
    [InlineData(false, 150_000, 8, 1f, 0, 0.9f)]
    public void They_are_the_draws_of_the_CPU(bool alone, int V, int rows, float temperature, int topK, float topP) =>
        Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        float[] x = Operand.Normal(rows * V, seed: 1, scale: 2);
        var rng = new MiniTransformer.Tensors.Rng(2);
        float[] uniforms = [.. Enumerable.Range(0, rows).Select(_ => rng.NextUniform())];
        (int[] ids, float[] logProbs) = Run(accelerator, alone, x, uniforms, temperature, topK, topP);

        using Buffer<float> logits = new(x), draws = new(uniforms), expectedLogProbs = new(Operand.Zeros(rows));
        using var expected = new Buffer<int>(new int[rows]);
        new MiniTransformer.Kernels.Cpu.Sample(logits, draws, expected, expectedLogProbs, V, temperature, topK, topP).Run(0, rows);

        // The sums agree to about 1e-6: a draw differs where its uniform number lies that near to a token's edge, or a token's mass to the
        // share topP. At V tokens that is once in 1e6 / V draws or less often. On PoCL 0 of the 16,024 draws here do.
        int[] other = [.. Enumerable.Range(0, rows).Where(r => ids[r] != expected.Span[r])];
        Assert.True(other.Length <= 1, $"{other.Length} of {rows} draws differ");
        for (int r = 0; r < rows; r++)
        {
            if (!other.Contains(r)) Assert.Equal(expectedLogProbs.Span[r], logProbs[r], 1e-5 * Math.Max(1, Math.Abs(logProbs[r])));
        }

        (int[] again, float[] logProbsAgain) = Run(accelerator, alone, x, uniforms, temperature, topK, topP);
        Assert.Equal(ids, again);
        Operand.Identical(logProbs, logProbsAgain);
    });

    private static void Invert(Accelerator accelerator, bool alone, int V, float temperature, int topK, float topP)
    {
        float[] x = Operand.Normal(V, seed: 1, scale: 2);
        double[] p = SampleReference.Distribution(x.Doubles(), temperature, topK, topP);

        // The midpoint of each token's interval of the cumulative distribution, far from rounding at its ends.
        var expected = new List<int>();
        var uniforms = new List<float>();
        double below = 0;
        for (int id = 0; id < V; id++)
        {
            if (p[id] > 1e-5)
            {
                expected.Add(id);
                uniforms.Add((float)(below + p[id] / 2));
            }

            below += p[id];
        }

        Assert.Equal(expected, Run(accelerator, alone, [.. expected.SelectMany(_ => x)], [.. uniforms], temperature, topK, topP).Ids);
    }

    private static (int Id, float LogProb) Draw(Accelerator accelerator, bool alone, float[] logits, float uniform, float temperature,
        int topK, float topP)
    {
        (int[] ids, float[] logProbs) = Run(accelerator, alone, logits, [uniform], temperature, topK, topP);
        return (ids[0], logProbs[0]);
    }

    private static (int[] Ids, float[] LogProbs) Run(Accelerator accelerator, bool alone, float[] logits, float[] uniforms,
        float temperature, int topK, float topP)
    {
        int rows = uniforms.Length;
        using Memory<float> x = new(accelerator, logits), u = new(accelerator, uniforms), logProbs = new(accelerator, Operand.Zeros(rows));
        using var ids = new Memory<int>(accelerator, [.. Enumerable.Repeat(-1, rows)]);
        accelerator.Kernel(alone, (a, form) => new Sample(a, form))
            .Run(x, u, ids, logProbs, new SampleOptions(rows, logits.Length / rows, temperature, topK, topP));
        accelerator.Synchronize();
        return (ids.ToArray(), logProbs.ToArray());
    }
}
