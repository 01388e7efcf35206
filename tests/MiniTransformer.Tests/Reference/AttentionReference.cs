namespace MiniTransformer.Tests.Reference;

/// <summary>
/// Causal attention from its definition, softmax(scale q kᵀ) v under a causal mask, or one that leaves the last `window` keys: q (B, T, H,
/// D), k and v (B, T, Hkv, D).
/// </summary>
internal static class AttentionReference
{
    public static double[] Forward(double[] q, double[] k, double[] v, int[] starts, int H, int Hkv, int D, double scale, int window = 0)
    {
        var y = new double[q.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < starts[b + 1] - starts[b]; i++)
                {
                    double[] p = Probabilities(q, k, starts[b], i, h, H, Hkv, D, scale, window);
                    for (int j = 0; j <= i; j++)
                    {
                        for (int d = 0; d < D; d++)
                        {
                            y[((starts[b] + i) * H + h) * D + d] += p[j] * v[((starts[b] + j) * Hkv + h / (H / Hkv)) * D + d];
                        }
                    }
                }
            }
        }

        return y;
    }

    /// <summary>
    /// The gradient of ⟨dy, y⟩: dpⱼ = ⟨dy, vⱼ⟩, ds = p ⊙ (dp − ⟨p, dp⟩), and the products of p and ds with what they met.
    /// </summary>
    public static (double[] Dq, double[] Dk, double[] Dv) Backward(
        double[] q, double[] k, double[] v, double[] dy, int[] starts, int H, int Hkv, int D, double scale, int window = 0)
    {
        double[] dq = new double[q.Length], dk = new double[k.Length], dv = new double[v.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < starts[b + 1] - starts[b]; i++)
                {
                    int query = ((starts[b] + i) * H + h) * D;
                    int Key(int j) => ((starts[b] + j) * Hkv + h / (H / Hkv)) * D;
                    double[] p = Probabilities(q, k, starts[b], i, h, H, Hkv, D, scale, window), dp = new double[i + 1];
                    double mean = 0;
                    for (int j = 0; j <= i; j++)
                    {
                        for (int d = 0; d < D; d++) dp[j] += dy[query + d] * v[Key(j) + d];
                        mean += p[j] * dp[j];
                    }

                    for (int j = 0; j <= i; j++)
                    {
                        double ds = scale * p[j] * (dp[j] - mean);
                        for (int d = 0; d < D; d++)
                        {
                            dq[query + d] += ds * k[Key(j) + d];
                            dk[Key(j) + d] += ds * q[query + d];
                            dv[Key(j) + d] += p[j] * dy[query + d];
                        }
                    }
                }
            }
        }

        return (dq, dk, dv);
    }

    /// <summary>ln Σ_{j≤i} e^(scale ⟨qᵢ, kⱼ⟩), (H, N).</summary>
    public static double[] LogSum(double[] q, double[] k, int[] starts, int H, int Hkv, int D, double scale, int window = 0)
    {
        int n = starts[^1];
        var logSum = new double[H * n];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int i = 0; i < starts[b + 1] - starts[b]; i++)
            {
                for (int h = 0; h < H; h++)
                    logSum[h * n + starts[b] + i] = LogSoftmaxReference.LogSumExp(Scores(q, k, starts[b], i, h, H, Hkv, D, scale, window),
                        i + 1)[0];
            }
        }

        return logSum;
    }

    private static double[] Probabilities(double[] q, double[] k, int start, int i, int h, int H, int Hkv, int D, double scale,
        int window) =>
        [.. LogSoftmaxReference.LogSoftmax(Scores(q, k, start, i, h, H, Hkv, D, scale, window), i + 1).Select(Math.Exp)];

    // Of row i of the sequence that begins at row `start`.
    private static double[] Scores(double[] q, double[] k, int start, int i, int h, int H, int Hkv, int D, double scale, int window)
    {
        var scores = new double[i + 1];
        for (int j = 0; j <= i; j++)
        {
            if (window > 0 && j <= i - window) scores[j] = double.NegativeInfinity;
            else
            {
                for (int d = 0; d < D; d++)
                {
                    scores[j] += scale * q[((start + i) * H + h) * D + d] * k[((start + j) * Hkv + h / (H / Hkv)) * D + d];
                }
            }
        }

        return scores;
    }
}
