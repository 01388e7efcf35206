namespace MiniTransformer.Tests.Reference;

/// <summary>The gradients of the functions of rows of V logits, from π = softmax(logits), when dy arrives for each row.</summary>
internal static class RowGradientReference
{
    /// <summary>dy ([j = id] − π).</summary>
    public static double[] Gather(double[] logits, int[] ids, double[] dy, int V) =>
        Each(logits, V, (r, j, logP) => dy[r] * ((j == ids[r] ? 1 : 0) - Math.Exp(logP)));

    /// <summary>dy π.</summary>
    public static double[] LogSumExp(double[] logits, double[] dy, int V) => Each(logits, V, (r, j, logP) => dy[r] * Math.Exp(logP));

    /// <summary>dy π (ln π − ln π_ref − KL).</summary>
    public static double[] KlDivergence(double[] logits, double[] reference, double[] dy, int V)
    {
        double[] logQ = LogSoftmaxReference.LogSoftmax(reference, V), kl = KlDivergenceReference.Forward(logits, reference, V);
        return Each(logits, V, (r, j, logP) => Math.Exp(logP) > 0 ? dy[r] * Math.Exp(logP) * (logP - logQ[r * V + j] - kl[r]) : 0);
    }

    /// <summary>−dy π (ln π + H).</summary>
    public static double[] Entropy(double[] logits, double[] dy, int V)
    {
        double[] entropy = EntropyReference.Forward(logits, V);
        return Each(logits, V, (r, j, logP) => Math.Exp(logP) > 0 ? -dy[r] * Math.Exp(logP) * (logP + entropy[r]) : 0);
    }

    private static double[] Each(double[] logits, int V, Func<int, int, double, double> gradient) =>
        [.. LogSoftmaxReference.LogSoftmax(logits, V).Select((logP, i) => gradient(i / V, i % V, logP))];
}
