namespace MiniTransformer.Theory;

/// <summary>
/// P10: estimators of KL(π_θ‖π_SFT) from one token a ~ π_θ [KLA], with log ρ = log π_SFT(a) − log π_θ(a):
/// k1 = −log ρ, k2 = ½ (log ρ)², k3 = ρ − 1 − log ρ.
/// </summary>
/// <remarks>
/// Each takes the logarithm of a weight and returns weight · k. In an expectation the weight is π_θ(a), and π_θ(a) ρ is formed in the
/// exponent: where π_θ(a) underflows ρ may overflow, yet their product π_SFT(a) can be 1.
/// </remarks>
public static class KlEstimators
{
    /// <summary>−log ρ: unbiased, but may be negative.</summary>
    public static double K1(double logRho, double logWeight = 0) => -Math.Exp(logWeight) * logRho;

    /// <summary>½ (log ρ)²: never negative, biased in third order of log ρ.</summary>
    public static double K2(double logRho, double logWeight = 0) => Math.Exp(logWeight) * logRho * logRho / 2;

    /// <summary>ρ − 1 − log ρ: unbiased (E ρ = 1 makes ρ − 1 a control variate) and never negative.</summary>
    public static double K3(double logRho, double logWeight = 0) =>
        Math.Exp(logWeight + logRho) - (Math.Exp(logWeight) * (1 + logRho));

    /// <summary>E_{a~π}[k(a)] in one state. Forbidden tokens are never drawn.</summary>
    public static double Expectation(double[] logPolicy, double[] logSft, Func<double, double, double> k)
    {
        double sum = 0;
        for (int a = 0; a < logPolicy.Length; a++)
            if (!double.IsNegativeInfinity(logPolicy[a])) sum += k(logSft[a] - logPolicy[a], logPolicy[a]);
        return sum;
    }

    /// <summary>
    /// The exact KL of one state from two rows of logits, as a Bregman divergence of log-sum-exp:
    /// KL(π_θ‖π_SFT) = V_SFT − V_θ − Σₐ π_θ(a) (Q_SFT(a) − Q_θ(a)).
    /// </summary>
    public static double Exact(double[] logits, double[] sftLogits)
    {
        double v = SoftBellman.LogSumExp(logits), kl = SoftBellman.LogSumExp(sftLogits) - v;
        for (int a = 0; a < logits.Length; a++)
            if (!double.IsNegativeInfinity(logits[a])) kl -= Math.Exp(logits[a] - v) * (sftLogits[a] - logits[a]);
        return kl;
    }

    /// <summary>Σₐ π_θ(a) k1(a) ∇ log π_θ(a), the score-function gradient with k1 as (minus) a reward: it is ∇KL. (K)</summary>
    public static double[] GradientOfK1AsReward(double[] logPolicy, double[] logSft) =>
        ExpectedScore(logPolicy, a => K1(logSft[a] - logPolicy[a]));

    /// <summary>Σₐ π_θ(a) ∇ k1(a) = Σₐ π_θ(a) ∇ log π_θ(a), the gradient of sampled k1 as a loss: it is 0. (K)</summary>
    public static double[] GradientOfK1AsLoss(double[] logPolicy) => ExpectedScore(logPolicy, _ => 1);

    // Σₐ π(a) w(a) ∇ log π(a) with respect to the logits, ∂ log π(a)/∂x_b = 1[a = b] − π(b).
    private static double[] ExpectedScore(double[] logPolicy, Func<int, double> weight)
    {
        var gradient = new double[logPolicy.Length];
        for (int a = 0; a < logPolicy.Length; a++)
        {
            if (double.IsNegativeInfinity(logPolicy[a])) continue;
            double w = Math.Exp(logPolicy[a]) * weight(a);
            for (int b = 0; b < gradient.Length; b++) gradient[b] += w * ((a == b ? 1 : 0) - Math.Exp(logPolicy[b]));
        }

        return gradient;
    }
}
