namespace MiniTransformer.Tests.Reference;

/// <summary>Log-sum-exp and log-softmax per row of V; −∞ logits contribute 0, and a row of them alone has log-sum −∞.</summary>
internal static class LogSoftmaxReference
{
    public static double[] LogSumExp(double[] logits, int V)
    {
        var logZ = new double[logits.Length / V];
        for (int r = 0; r < logZ.Length; r++)
        {
            double max = double.NegativeInfinity, sum = 0;
            for (int j = 0; j < V; j++) max = Math.Max(max, logits[r * V + j]);
            for (int j = 0; j < V && max > double.NegativeInfinity; j++) sum += Math.Exp(logits[r * V + j] - max);
            logZ[r] = sum == 0 ? double.NegativeInfinity : max + Math.Log(sum);
        }

        return logZ;
    }

    public static double[] LogSoftmax(double[] logits, int V)
    {
        double[] logZ = LogSumExp(logits, V);
        return logits.Select((x, i) => double.IsNegativeInfinity(x) ? x : x - logZ[i / V]).ToArray();
    }

    /// <summary>The log-probability of ids[r] in row r.</summary>
    public static double[] Gather(double[] logits, int[] ids, int V)
    {
        double[] logProbs = LogSoftmax(logits, V);
        return ids.Select((id, r) => logProbs[r * V + id]).ToArray();
    }
}
