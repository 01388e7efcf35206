using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference;

namespace MiniTransformer.Tests.Gpu;

public class AttentionTests
{
    // Scores are sums of D products of normal numbers, scaled to be near 1; their error of about 1e-6 enters the probabilities.
    // Exponentials are within a few ulp.
    private const double Tolerance = 1e-5;

    /// <summary>
    /// Sequences shorter than a tile, of whole tiles and of some more; heads that end within four components, within a tile of components
    /// and in the second or fourth one; groups of query heads.
    /// </summary>
    public static TheoryData<string, int, int, int, int, int> Sizes
    {
        get
        {
            var sizes = new TheoryData<string, int, int, int, int, int>();
            foreach (string form in (string[])["tiled", "serial"])
            {
                sizes.Add(form, 2, 1, 1, 1, 2);
                sizes.Add(form, 2, 7, 2, 1, 6);
                sizes.Add(form, 1, 33, 4, 1, 16);
                sizes.Add(form, 2, 64, 3, 3, 20);
                sizes.Add(form, 1, 67, 4, 2, 32);
                sizes.Add(form, 1, 130, 2, 2, 64);
                sizes.Add(form, 1, 129, 2, 1, 70);
                sizes.Add(form, 1, 96, 2, 1, 256);
            }

            return sizes;
        }
    }

    [Theory]
    [InlineData("tiled", 1, 2, 2, 1, 6)]
    [InlineData("tiled", 1, 67, 1, 1, 4)]
    [InlineData("serial", 1, 7, 2, 1, 6)]
    [InlineData("serial", 2, 70, 2, 1, 18)]
    public void Attention_and_its_gradient_agree_with_the_definition(string form, int B, int T, int H, int Hkv, int D) =>
        Check(Accelerators.Threads, form, [.. Enumerable.Repeat(T, B)], H, Hkv, D);

    [OpenClTheory]
    [MemberData(nameof(Sizes))]
    public void Attention_and_its_gradient_agree_with_the_definition_on_OpenCL(string form, int B, int T, int H, int Hkv, int D) =>
        Check(Accelerators.OpenCl, form, [.. Enumerable.Repeat(T, B)], H, Hkv, D);

    [Theory]
    [InlineData("tiled", 1, 67, 1, 1, 4, 3)]
    [InlineData("serial", 1, 70, 2, 1, 6, 33)]
    public void With_a_window_they_agree_with_the_definition(string form, int B, int T, int H, int Hkv, int D, int window) =>
        Check(Accelerators.Threads, form, [.. Enumerable.Repeat(T, B)], H, Hkv, D, window);

    // Windows of one token, within a tile, over some tiles: tiles of which some rows, or all, see nothing.
    [OpenClTheory]
    [InlineData("tiled", 2, 7, 2, 1, 6, 1)]
    [InlineData("tiled", 1, 150, 2, 1, 20, 5)]
    [InlineData("tiled", 1, 200, 2, 2, 32, 70)]
    [InlineData("tiled", 1, 129, 2, 1, 70, 64)]
    [InlineData("serial", 2, 7, 2, 1, 6, 1)]
    [InlineData("serial", 1, 150, 2, 1, 20, 5)]
    [InlineData("serial", 1, 200, 2, 2, 32, 70)]
    public void With_a_window_they_agree_with_the_definition_on_OpenCL(string form, int B, int T, int H, int Hkv, int D, int window) =>
        Check(Accelerators.OpenCl, form, [.. Enumerable.Repeat(T, B)], H, Hkv, D, window);

    [Theory]
    [InlineData("tiled", 0)]
    [InlineData("serial", 0)]
    [InlineData("serial", 3)]
    public void Sequences_of_any_lengths_one_after_another_agree_with_the_definition(string form, int window) =>
        Check(Accelerators.Threads, form, [1, 0, 7, 0, 0, 2], 2, 1, 6, window);

    // Ends within a tile, at its edge and one past it; sequences of one token and of none, at the beginning, in between and at the end.
    [OpenClTheory]
    [InlineData("tiled", 0)]
    [InlineData("serial", 0)]
    [InlineData("tiled", 40)]
    [InlineData("serial", 40)]
    public void Sequences_of_any_lengths_one_after_another_agree_with_the_definition_on_OpenCL(string form, int window)
    {
        Check(Accelerators.OpenCl, form, [0, 1, 64, 65, 0, 33, 130, 63, 32, 1, 1, 97, 0], 4, 2, 20, window);
        Check(Accelerators.OpenCl, form, [.. Enumerable.Range(0, 40)], 1, 1, 8, window);
    }

    [OpenClTheory]
    [InlineData("tiled")]
    [InlineData("serial")]
    public void A_token_does_not_see_later_tokens_nor_other_sequences(string form) => Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        const int T = 80, H = 2, D = 20, seen = 41;
        var c = new AttentionCase(form, [T, T], H, 1, D);
        float[] before = c.Forward(accelerator).Y;
        c.K.AsSpan(seen * D).Fill(50f);
        c.V.AsSpan(seen * D).Fill(-1e20f);
        Operand.Identical(before.AsSpan(0, seen * H * D), c.Forward(accelerator).Y.AsSpan(0, seen * H * D));
    });

    [OpenClTheory]
    [InlineData("tiled")]
    [InlineData("serial")]
    public void Large_scores_do_not_overflow(string form) => Accelerators.On(Accelerators.OpenCl, accelerator =>
    {
        var c = new AttentionCase(form, [100], 1, 1, 4);
        for (int i = 0; i < c.Q.Length; i++) c.Q[i] *= 700;
        (float[] y, float[] logSum) = c.Forward(accelerator);
        Operand.Close(c.Y(), y, 1e-3); // scores near 1000 are known to 1e-4
        Assert.All(logSum, x => Assert.True(float.IsFinite(x)));
    });

    [Fact]
    public void The_reference_gradient_agrees_with_central_differences()
    {
        const int N = 10, H = 4, Hkv = 2, D = 3;
        const double scale = 0.7;
        int[] starts = [0, 3, 3, 4, N];
        double[] q = Operand.Normal(N * H * D, seed: 1).Doubles(), k = Operand.Normal(N * Hkv * D, seed: 2).Doubles();
        double[] v = Operand.Normal(N * Hkv * D, seed: 3).Doubles(), dy = Operand.Normal(N * H * D, seed: 4).Doubles();
        (double[] dq, double[] dk, double[] dv) = AttentionReference.Backward(q, k, v, dy, starts, H, Hkv, D, scale);
        Near(CentralDifference.Gradient(at => AttentionReference.Forward(at, k, v, starts, H, Hkv, D, scale), q, dy), dq);
        Near(CentralDifference.Gradient(at => AttentionReference.Forward(q, at, v, starts, H, Hkv, D, scale), k, dy), dk);
        Near(CentralDifference.Gradient(at => AttentionReference.Forward(q, k, at, starts, H, Hkv, D, scale), v, dy), dv);

        static void Near(double[] expected, double[] actual)
        {
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-7);
        }
    }

    private static void Check(string on, string form, int[] lengths, int H, int Hkv, int D, int window = 0) =>
        Accelerators.On(on, accelerator =>
    {
        var c = new AttentionCase(form, lengths, H, Hkv, D, window);
        (float[] y, float[] logSum) = c.Forward(accelerator);
        Operand.Close(c.Y(), y, Tolerance);
        Operand.Close(c.LogSum(), logSum, Tolerance);

        float[] dy = Operand.Normal(c.Q.Length, seed: 9), dqBefore = Operand.Normal(c.Q.Length, seed: 10),
            dkBefore = Operand.Normal(c.K.Length, seed: 11);
        float[] dvBefore = Operand.Normal(c.K.Length, seed: 12);
        (float[] dq, float[] dk, float[] dv) = c.Backward(accelerator, dy, dqBefore, dkBefore, dvBefore);
        (double[] dqExpected, double[] dkExpected, double[] dvExpected) = c.Gradients(dy);
        Close(dqExpected, dqBefore, dq);
        Close(dkExpected, dkBefore, dk);
        Close(dvExpected, dvBefore, dv);

        (float[] dqAgain, float[] dkAgain, float[] dvAgain) = c.Backward(accelerator, dy, dqBefore, dkBefore, dvBefore);
        Operand.Identical(dq, dqAgain);
        Operand.Identical(dk, dkAgain);
        Operand.Identical(dv, dvAgain);
    });

    private static void Close(double[] expected, float[] before, float[] actual) =>
        Operand.Close([.. expected.Select((g, i) => g + before[i])], actual, Tolerance, floor: 3); // sums of up to T terms near 1
}
