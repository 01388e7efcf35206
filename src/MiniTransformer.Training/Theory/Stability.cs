namespace MiniTransformer.Theory;

/// <summary>P8: how far an error in the reward travels. Into soft values at most H-fold, from there into log π at most 2-fold.</summary>
/// <remarks>
/// γ = 1. log-sum-exp is 1-Lipschitz in the maximum norm, so each step to go adds at most ‖r₁ − r₂‖∞ to the difference of the values.
/// log π = Q − V moves by at most δ through Q and δ through V.
/// </remarks>
public static class Stability
{
    /// <summary>For each state with h steps to go: left maxₐ|Q₁*(s, a) − Q₂*(s, a)|, right h ‖r₁ − r₂‖∞.</summary>
    public static IEnumerable<(double Left, double Right)> ValueBound(TokenMdp mdp, double[][] reward1, double[][] reward2)
    {
        TokenMdp undiscounted = mdp.WithDiscount(1);
        double rewardGap = reward1.Zip(reward2, Distance).DefaultIfEmpty(0).Max();
        double[][] q1 = SoftBellman.BackwardInduction(undiscounted, reward1).Q, q2 = SoftBellman.BackwardInduction(undiscounted, reward2).Q;
        return Enumerable.Range(0, mdp.StateCount).Select(s => (Distance(q1[s], q2[s]), mdp.StepsToGo(s) * rewardGap));
    }

    /// <summary>For one state: left ‖π₁(·|s) − π₂(·|s)‖₁, right δ = ‖Q₁(s, ·) − Q₂(s, ·)‖∞.</summary>
    public static (double Left, double Right) PolicyBound(double[] q1, double[] q2)
    {
        double[] logP = SoftBellman.LogSoftmax(q1), logQ = SoftBellman.LogSoftmax(q2);
        return (logP.Zip(logQ, (p, q) => Math.Abs(Math.Exp(p) - Math.Exp(q))).Sum(), Distance(q1, q2));
    }

    /// <summary>For one state: left maxₐ|log π₁(a|s) − log π₂(a|s)|, right 2δ.</summary>
    public static (double Left, double Right) LogPolicyBound(double[] q1, double[] q2) =>
        (Distance(SoftBellman.LogSoftmax(q1), SoftBellman.LogSoftmax(q2)), 2 * Distance(q1, q2));

    /// <summary>‖x − y‖∞; two equal infinities (a token forbidden on both sides) are at distance 0.</summary>
    public static double Distance(double[] x, double[] y) => x.Zip(y, (a, b) => a == b ? 0 : Math.Abs(a - b)).Max();
}
