namespace MiniTransformer.Theory;

/// <summary>The function φ of the objective, with its derivative.</summary>
/// <param name="Value">φ(x).</param>
/// <param name="Slope">φ′(x).</param>
public sealed record Phi(Func<double, double> Value, Func<double, double> Slope)
{
    /// <summary>φ(x) = x: no reward regulariser. With it the objective is SFT (P1, P2).</summary>
    public static Phi Linear { get; } = new(x => x, _ => 1);

    /// <summary>φ(x) = x − x² / (4α): the χ² regulariser, the default of [IQ]. With it the objective is not SFT (P3).</summary>
    public static Phi ChiSquared(double alpha) => new(x => x - (x * x / (4 * alpha)), x => 1 - (x / (2 * alpha)));
}

/// <summary>
/// P1 to P3: the inverse-Q objective [IQ, BI] of one demonstration, from the logits along it:
/// J_φ(Q) = Σ_t γᵗ φ( Q(s_t, a_t) − γ V_Q(s_{t+1}) ) − V_Q(s_0).
/// </summary>
/// <remarks>Row t of the logits is Q(s_t, ·), (T, K). No tree is needed: the rows of any language model will do.</remarks>
public static class InverseSoftQ
{
    /// <summary>V_Q(s_t) for t = 0 … T, by log-sum-exp; the state after the last token is terminal, so its value is 0: (T + 1).</summary>
    public static double[] Values(double[][] logits) => [.. logits.Select(row => SoftBellman.LogSumExp(row)), 0];

    /// <summary>r_Q(s_t, a_t) = Q(s_t, a_t) − γ V_Q(s_{t+1}): (T).</summary>
    public static double[] Rewards(double[][] logits, int[] tokens, double discount)
    {
        double[] v = Values(logits);
        return [.. tokens.Select((a, t) => logits[t][a] - (discount * v[t + 1]))];
    }

    /// <summary>J_φ(Q) of one demonstration.</summary>
    public static double Objective(double[][] logits, int[] tokens, double discount, Phi phi)
    {
        double[] r = Rewards(logits, tokens, discount);
        double sum = 0, weight = 1;
        for (int t = 0; t < r.Length; t++, weight *= discount) sum += weight * phi.Value(r[t]);
        return sum - Values(logits)[0];
    }

    /// <summary>
    /// ∂J_φ/∂Q(s_t, ·) of one demonstration, (T, K). Q(s_t, ·) enters three times: as the chosen logit of step t,
    /// inside V_Q(s_t) of the reward of step t − 1, and at t = 0 inside −V_Q(s_0). With wₜ = γᵗ φ′(r_Q(s_t, a_t)):
    ///     ∂J/∂Q(s_t, b) = wₜ 1[b = a_t] − γ w_{t−1} π(b|s_t)   for t ≥ 1,
    ///     ∂J/∂Q(s_0, b) = w₀ 1[b = a_0] − π(b|s_0).
    /// </summary>
    public static double[][] Gradient(double[][] logits, int[] tokens, double discount, Phi phi)
    {
        double[] v = Values(logits), r = Rewards(logits, tokens, discount);
        var gradient = new double[tokens.Length][];
        double pull = 1, weight = 1; // pull: the factor of −∇V_Q(s_t)
        for (int t = 0; t < tokens.Length; t++, weight *= discount)
        {
            gradient[t] = [.. logits[t].Select(x => -pull * Math.Exp(x - v[t]))];
            double w = weight * phi.Slope(r[t]);
            gradient[t][tokens[t]] += w;
            pull = discount * w;
        }

        return gradient;
    }
}
