namespace MiniTransformer.Theory;

/// <summary>P4: soft values and the soft Bellman operators, forward and inverse, at temperature 1 [SQL, IQ].</summary>
public static class SoftBellman
{
    /// <summary>
    /// log Σᵢ exp xᵢ, the maximum subtracted first, so that logits of ±700 neither overflow nor vanish; −∞ contributes 0.
    /// </summary>
    public static double LogSumExp(ReadOnlySpan<double> x)
    {
        double max = double.NegativeInfinity;
        foreach (double xi in x) max = Math.Max(max, xi);
        if (double.IsNegativeInfinity(max)) return max;

        double sum = 0;
        foreach (double xi in x) sum += Math.Exp(xi - max);
        return max + Math.Log(sum);
    }

    /// <summary>V_Q(s) = log Σₐ exp Q(s, a), and V(terminal) = 0: (S + 1).</summary>
    /// <exception cref="ArgumentException">A state has no allowed token.</exception>
    public static double[] Values(TokenMdp mdp, double[][] q)
    {
        var v = new double[mdp.StateCount + 1];
        for (int s = 0; s < mdp.StateCount; s++)
        {
            v[s] = LogSumExp(q[s]);
            if (!double.IsFinite(v[s]))
            {
                throw new ArgumentException(
                    $"SoftBellman.Values: logits [{string.Join(", ", q[s])}] after tokens [{string.Join(", ", mdp.Tokens(s))}]; "
                    + "needed at least one finite logit, the others finite or −∞.");
            }
        }

        return v;
    }

    /// <summary>log π_Q(a|s) = Q(s, a) − log Σ_b exp Q(s, b): log-softmax of each row.</summary>
    public static double[][] LogPolicy(double[][] q) => [.. q.Select(LogSoftmax)];

    /// <summary>log-softmax of one row of logits.</summary>
    public static double[] LogSoftmax(double[] logits)
    {
        double v = LogSumExp(logits);
        return [.. logits.Select(x => x - v)];
    }

    /// <summary>The soft Bellman operator: Q(s, a) = r(s, a) + γ V(f(s, a)).</summary>
    public static double[][] Forward(TokenMdp mdp, double[][] reward, double[] v) =>
        mdp.Table((s, a) => reward[s][a] + (mdp.Discount * v[mdp.Next(s, a)]));

    /// <summary>The inverse soft Bellman operator [IQ]: r_Q(s, a) = Q(s, a) − γ V_Q(f(s, a)).</summary>
    public static double[][] Inverse(TokenMdp mdp, double[][] q)
    {
        double[] v = Values(mdp, q);
        return mdp.Table((s, a) => q[s][a] - (mdp.Discount * v[mdp.Next(s, a)]));
    }

    /// <summary>
    /// Soft backward induction: from the leaves to the start, Q*(s, a) = r(s, a) + γ V*(f(s, a)) and
    /// V*(s) = log Σₐ p(a|s) exp Q*(s, a). Without a prior p(a|s) is 1 for every token (maximum entropy);
    /// with the prior log p(a|s) it is the optimum under a KL penalty to p.
    /// </summary>
    public static (double[][] Q, double[] V) BackwardInduction(TokenMdp mdp, double[][] reward, double[][]? logPrior = null)
    {
        var q = new double[mdp.StateCount][];
        var v = new double[mdp.StateCount + 1];
        for (int s = mdp.StateCount - 1; s >= 0; s--)
        {
            q[s] = new double[mdp.Vocabulary];
            var weighted = new double[mdp.Vocabulary];
            for (int a = 0; a < mdp.Vocabulary; a++)
            {
                q[s][a] = reward[s][a] + (mdp.Discount * v[mdp.Next(s, a)]);
                weighted[a] = q[s][a] + (logPrior is null ? 0 : logPrior[s][a]);
            }

            v[s] = LogSumExp(weighted);
        }

        return (q, v);
    }
}
