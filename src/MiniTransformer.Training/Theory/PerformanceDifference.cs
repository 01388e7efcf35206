namespace MiniTransformer.Theory;

/// <summary>
/// P11: the performance difference (S. Kakade, J. Langford, "Approximately Optimal Approximate Reinforcement Learning", ICML 2002):
/// J(π) − J(π′) = E_π[ Σ_t γᵗ A^{π′}(s_t, a_t) ]. What a policy gains is the sum of the advantages it picks up, judged by the old values.
/// </summary>
public static class PerformanceDifference
{
    /// <summary>Policy evaluation: Q^π(s, a) = r(s, a) + γ V^π(f(s, a)), V^π(s) = Σₐ π(a|s) Q^π(s, a), V^π(terminal) = 0.</summary>
    public static (double[][] Q, double[] V) PolicyValues(TokenMdp mdp, double[][] logPolicy, double[][] reward)
    {
        var q = new double[mdp.StateCount][];
        var v = new double[mdp.StateCount + 1];
        for (int s = mdp.StateCount - 1; s >= 0; s--)
        {
            q[s] = new double[mdp.Vocabulary];
            for (int a = 0; a < mdp.Vocabulary; a++)
            {
                q[s][a] = reward[s][a] + (mdp.Discount * v[mdp.Next(s, a)]);
                double probability = Math.Exp(logPolicy[s][a]);
                if (probability > 0) v[s] += probability * q[s][a]; // a forbidden token has reward −∞ and is never chosen
            }
        }

        return (q, v);
    }

    /// <summary>A^π(s, a) = Q^π(s, a) − V^π(s).</summary>
    public static double[][] Advantages(TokenMdp mdp, double[][] logPolicy, double[][] reward)
    {
        (double[][] q, double[] v) = PolicyValues(mdp, logPolicy, reward);
        return mdp.Table((s, a) => q[s][a] - v[s]);
    }

    /// <summary>J(π) = E_π[ Σ_t γᵗ r(s_t, a_t) ], by enumeration.</summary>
    public static double Performance(TokenMdp mdp, double[][] logPolicy, double[][] reward) =>
        ResponseEnumeration.Expectation(mdp, logPolicy, y => ResponseEnumeration.Return(reward, y, mdp.Discount));
}
