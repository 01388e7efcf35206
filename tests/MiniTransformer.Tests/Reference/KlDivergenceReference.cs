namespace MiniTransformer.Tests.Reference;

/// <summary>
/// KL(p‖q) = Σ p (ln p − ln q) per row of V, p and q the softmax of two sets of logits; a token with p = 0 contributes 0.
/// </summary>
internal static class KlDivergenceReference
{
    public static double[] Forward(double[] logits, double[] referenceLogits, int V)
    {
        double[] p = LogSoftmaxReference.LogSoftmax(logits, V), q = LogSoftmaxReference.LogSoftmax(referenceLogits, V);
        var kl = new double[logits.Length / V];
        for (int i = 0; i < logits.Length; i++)
        {
            if (Math.Exp(p[i]) > 0) kl[i / V] += Math.Exp(p[i]) * (p[i] - q[i]);
        }

        return kl;
    }
}
