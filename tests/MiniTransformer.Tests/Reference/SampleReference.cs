namespace MiniTransformer.Tests.Reference;

/// <summary>The distribution that sampling draws from, by sorting: temperature, then top-k, then top-p.</summary>
internal static class SampleReference
{
    public static double[] Distribution(double[] logits, double temperature, int topK, double topP)
    {
        double[] p = LogSoftmaxReference.LogSoftmax(logits.Select(x => x / temperature).ToArray(), logits.Length).Select(Math.Exp)
            .ToArray();
        int[] order = [.. Enumerable.Range(0, p.Length).OrderByDescending(i => p[i]).ThenBy(i => i)];
        int[] kept = topK > 0 ? order[..Math.Min(topK, order.Length)] : order;
        double total = kept.Sum(i => p[i]), mass = 0;
        var distribution = new double[p.Length];
        foreach (int i in kept)
        {
            if (mass >= topP * total && mass > 0) break;
            distribution[i] = p[i];
            mass += p[i];
        }

        return distribution.Select(x => x / mass).ToArray();
    }

    /// <summary>The first id at which the cumulative distribution exceeds the uniform number.</summary>
    public static int Invert(double[] distribution, double uniform)
    {
        double below = 0;
        for (int i = 0; i < distribution.Length; i++)
        {
            below += distribution[i];
            if (below > uniform) return i;
        }

        return Array.FindLastIndex(distribution, p => p > 0);
    }
}
