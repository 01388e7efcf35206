namespace MiniTransformer.Theory;

/// <summary>
/// P9: the expectation of Dense-Path REINFORCE's estimator [BI], g = E_{y~π_θ}[ Σ_t G_t ∇ log π_θ(a_t|s_t) ] − β ∇KL(π_θ‖π_SFT),
/// as a finite sum; and the gradient it should be, of the exact objective, by dual numbers.
/// Gradients are with respect to the table of logits, (S, K).
/// </summary>
/// <remarks>
/// Unbiased are: the return of the whole path, the return to go, and the return to go minus any function of the state. Not unbiased are
/// the discounted return to go for an undiscounted objective, and returns whitened over a batch: scaled by what was drawn.
/// </remarks>
public static class ExactPolicyGradient
{
    /// <summary>The same weight at every step: Σ_k r(s_k, a_k), the return of the whole path.</summary>
    public static Func<Response, double[]> WholePath(double[][] reward) => y =>
    {
        double[] r = y.Entries(reward);
        return [.. r.Select(_ => r.Sum())];
    };

    /// <summary>G_t = Σ_{k≥t} γ^{k−t} r(s_k, a_k), the discounted return to go; minus b(s_t) if a state baseline is given.</summary>
    public static Func<Response, double[]> ReturnToGo(double[][] reward, double discount = 1, double[]? baseline = null) => y =>
    {
        double[] returns = y.Entries(reward);
        for (int t = y.Length - 2; t >= 0; t--) returns[t] += discount * returns[t + 1];
        return baseline is null ? returns : [.. returns.Zip(y.States, (g, s) => g - baseline[s])];
    };

    /// <summary>E_{y~π}[ Σ_t w_t(y) ∇ log π(a_t|s_t) ] by enumeration, with ∂ log π(a|s)/∂x(s, b) = 1[a = b] − π(b|s).</summary>
    public static double[][] Expected(TokenMdp mdp, double[][] logPolicy, Func<Response, double[]> weights)
    {
        double[][] gradient = mdp.Table((_, _) => 0);
        foreach (Response y in ResponseEnumeration.All(mdp))
        {
            double probability = Math.Exp(ResponseEnumeration.LogProbability(logPolicy, y));
            if (probability == 0) continue;
            double[] w = weights(y);
            for (int t = 0; t < y.Length; t++)
            {
                (int s, int chosen) = (y.States[t], y.Tokens[t]);
                for (int b = 0; b < mdp.Vocabulary; b++)
                    gradient[s][b] += probability * w[t] * ((b == chosen ? 1 : 0) - Math.Exp(logPolicy[s][b]));
            }
        }

        return gradient;
    }

    /// <summary>The estimator's expectation with the KL penalty: E[Σ_t w_t ∇ log π] − β ∇KL(π‖π_SFT).</summary>
    /// <remarks>∇KL is itself such an expectation: of the return to go of log π − log π_SFT, since E[∇ log π] = 0 in every state.</remarks>
    public static double[][] DensePathReinforce(
        TokenMdp mdp, double[][] logPolicy, double[][] logSft, double beta, Func<Response, double[]> weights)
    {
        double[][] reinforce = Expected(mdp, logPolicy, weights);
        double[][] kl = Expected(mdp, logPolicy, ReturnToGo(BaselineReward.Of(logPolicy, logSft)));
        return mdp.Table((s, a) => reinforce[s][a] - (beta * kl[s][a]));
    }

    /// <summary>
    /// J(θ) = E_π[Σ_t γᵗ r(s_t, a_t)] − β KL(π‖π_SFT) by recursion over states; γ is the discount of the MDP, π = softmax(logits).
    /// </summary>
    public static double Objective(TokenMdp mdp, double[][] logits, double[][] reward, double beta, double[][] logSft) =>
        Objective(mdp, [.. logits.Select(row => row.Select(x => (Dual)x).ToArray())], reward, beta, logSft).Value;

    /// <summary>∇J(θ), (S, K), by dual numbers through the recursion: no score function, no enumeration of responses.</summary>
    public static double[][] OfObjective(TokenMdp mdp, double[][] logits, double[][] reward, double beta, double[][] logSft) =>
        Dual.Gradient(logits, x => Objective(mdp, x, reward, beta, logSft));

    // J(s) = Σₐ π(a|s) ( r(s,a) + γ J(f(s,a)) ),   D(s) = Σₐ π(a|s) ( log π(a|s) − log π_SFT(a|s) + D(f(s,a)) ),   J(s_0) − β D(s_0)
    private static Dual Objective(TokenMdp mdp, Dual[][] logits, double[][] reward, double beta, double[][] logSft)
    {
        var returns = new Dual[mdp.StateCount + 1];
        var divergence = new Dual[mdp.StateCount + 1];
        for (int s = mdp.StateCount - 1; s >= 0; s--)
        {
            Dual[] logPolicy = Dual.LogSoftmax(logits[s]);
            for (int a = 0; a < mdp.Vocabulary; a++)
            {
                if (double.IsNegativeInfinity(logPolicy[a].Value)) continue;
                int next = mdp.Next(s, a);
                Dual probability = Dual.Exp(logPolicy[a]);
                returns[s] += probability * (reward[s][a] + (mdp.Discount * returns[next]));
                divergence[s] += probability * (logPolicy[a] - logSft[s][a] + divergence[next]);
            }
        }

        return returns[0] - (beta * divergence[0]);
    }
}
