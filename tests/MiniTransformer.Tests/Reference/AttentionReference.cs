namespace MiniTransformer.Tests.Reference;

/// <summary>
/// Causal attention from its definition, softmax(scale q kᵀ) v under a causal mask: q (B, T, H, D), k and v (B, T, Hkv, D).
/// </summary>
internal static class AttentionReference
{
    public static double[] Forward(double[] q, double[] k, double[] v, int B, int T, int H, int Hkv, int D, double scale)
    {
        var y = new double[q.Length];
        for (int b = 0; b < B; b++)
        {
            for (int h = 0; h < H; h++)
            {
                for (int i = 0; i < T; i++)
                {
                    double[] p = Probabilities(q, k, b, i, h, T, H, Hkv, D, scale);
                    for (int j = 0; j <= i; j++)
                    {
                        for (int d = 0; d < D; d++) y[((b * T + i) * H + h) * D + d] += p[j] * v[((b * T + j) * Hkv + h / (H / Hkv)) * D + d];
                    }
                }
            }
        }

        return y;
    }

    private static double[] Probabilities(double[] q, double[] k, int b, int i, int h, int T, int H, int Hkv, int D, double scale)
    {
        var scores = new double[i + 1];
        for (int j = 0; j <= i; j++)
        {
            for (int d = 0; d < D; d++) scores[j] += scale * q[((b * T + i) * H + h) * D + d] * k[((b * T + j) * Hkv + h / (H / Hkv)) * D + d];
        }

        return LogSoftmaxReference.LogSoftmax(scores, scores.Length).Select(Math.Exp).ToArray();
    }
}
