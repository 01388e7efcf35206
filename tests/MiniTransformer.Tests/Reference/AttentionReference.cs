namespace MiniTransformer.Tests.Reference;

/// <summary>
/// Causal attention from its definition, softmax(scale q kᵀ) v under a causal mask, or one that leaves the last `window` keys: q (B, T, H, D), k and v
/// (B, T, Hkv, D).
/// </summary>
internal static class AttentionReference
{
    public static double[] Forward(double[] q, double[] k, double[] v, int B, int T, int H, int Hkv, int D, double scale, int window = 0)
    {
        var y = new double[q.Length];
        for (int b = 0; b < B; b++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < T; i++)
                {
                    double[] p = Probabilities(q, k, b, i, h, T, H, Hkv, D, scale, window);
                    for (int j = 0; j <= i; j++)
                    {
                        for (int d = 0; d < D; d++) y[((b * T + i) * H + h) * D + d] += p[j] * v[((b * T + j) * Hkv + h / (H / Hkv)) * D + d];
                    }
                }
            }
        }

        return y;
    }

    /// <summary>The gradient of ⟨dy, y⟩: dpⱼ = ⟨dy, vⱼ⟩, ds = p ⊙ (dp − ⟨p, dp⟩), and the products of p and ds with what they met.</summary>
    public static (double[] Dq, double[] Dk, double[] Dv) Backward(
        double[] q, double[] k, double[] v, double[] dy, int B, int T, int H, int Hkv, int D, double scale, int window = 0)
    {
        double[] dq = new double[q.Length], dk = new double[k.Length], dv = new double[v.Length];
        for (int b = 0; b < B; b++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < T; i++)
                {
                    int query = ((b * T + i) * H + h) * D;
                    int Key(int j) => ((b * T + j) * Hkv + h / (H / Hkv)) * D;
                    double[] p = Probabilities(q, k, b, i, h, T, H, Hkv, D, scale, window), dp = new double[i + 1];
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

    /// <summary>ln Σ_{j≤i} e^(scale ⟨qᵢ, kⱼ⟩), (B, H, T).</summary>
    public static double[] LogSum(double[] q, double[] k, int B, int T, int H, int Hkv, int D, double scale, int window = 0)
    {
        var logSum = new double[B * H * T];
        for (int r = 0; r < logSum.Length; r++) logSum[r] = LogSoftmaxReference.LogSumExp(Scores(q, k, r / T / H, r % T, r / T % H, T, H, Hkv, D, scale, window), r % T + 1)[0];
        return logSum;
    }

    private static double[] Probabilities(double[] q, double[] k, int b, int i, int h, int T, int H, int Hkv, int D, double scale, int window) =>
        [.. LogSoftmaxReference.LogSoftmax(Scores(q, k, b, i, h, T, H, Hkv, D, scale, window), i + 1).Select(Math.Exp)];

    private static double[] Scores(double[] q, double[] k, int b, int i, int h, int T, int H, int Hkv, int D, double scale, int window)
    {
        var scores = new double[i + 1];
        for (int j = 0; j <= i; j++)
        {
            if (window > 0 && j <= i - window) scores[j] = double.NegativeInfinity;
            else for (int d = 0; d < D; d++) scores[j] += scale * q[((b * T + i) * H + h) * D + d] * k[((b * T + j) * Hkv + h / (H / Hkv)) * D + d];
        }

        return scores;
    }
}
