namespace MiniTransformer.Tests.Reference;

/// <summary>H(p) = −Σ p ln p per row of V, p the softmax of logits; a token with p = 0 contributes 0.</summary>
internal static class EntropyReference
{
    public static double[] Forward(double[] logits, int V)
    {
        double[] p = LogSoftmaxReference.LogSoftmax(logits, V);
        var entropy = new double[logits.Length / V];
        for (int i = 0; i < logits.Length; i++)
        {
            if (Math.Exp(p[i]) > 0) entropy[i / V] -= Math.Exp(p[i]) * p[i];
        }

        return entropy;
    }
}
