namespace MiniTransformer.Theory;

/// <summary>
/// P7: where reinforcement goes [SQL, BI]. The policy that maximises E_π[Σ r̂] − β KL(π‖π_SFT), γ = 1, once from whole responses and once
/// from tokens.
/// </summary>
public static class RegularizedOptimum
{
    /// <summary>
    /// log π*(y|x) = (1 + 1/β) log π_SFT(y|x) − (1/β) log π_ref(y|x) − log Z for every response, and log Z,
    /// Z = Σ_y π_SFT(y|x) (π_SFT(y|x) / π_ref(y|x))^{1/β}: from sequence probabilities alone.
    /// </summary>
    public static (List<(Response Response, double LogProbability)> Policy, double LogZ) ByResponses(
        TokenMdp mdp, double[][] logSft, double[][] logReference, double beta)
    {
        var weights = new List<(Response Response, double LogWeight)>();
        foreach (Response y in ResponseEnumeration.All(mdp))
        {
            double sft = ResponseEnumeration.LogProbability(logSft, y), reference = ResponseEnumeration.LogProbability(logReference, y);
            weights.Add((y, sft + (BaselineReward.LogRatio(sft, reference) / beta)));
        }

        double logZ = SoftBellman.LogSumExp(weights.Select(w => w.LogWeight).ToArray());
        return ([.. weights.Select(w => (w.Response, w.LogWeight - logZ))], logZ);
    }

    /// <summary>log π*(a|s) = log π_SFT(a|s) + Q*(s, a) − V*(s): soft backward induction with reward r/β and prior π_SFT.</summary>
    public static double[][] ByTokens(TokenMdp mdp, double[][] logSft, double[][] reward, double beta)
    {
        TokenMdp undiscounted = mdp.WithDiscount(1);
        (double[][] q, double[] v) = SoftBellman.BackwardInduction(undiscounted, mdp.Table((s, a) => reward[s][a] / beta), logSft);
        return mdp.Table((s, a) => logSft[s][a] + q[s][a] - v[s]);
    }

    /// <summary>E_π[Σ_t r(s_t, a_t)] − β KL(π‖π_SFT), by enumeration.</summary>
    public static double Objective(TokenMdp mdp, double[][] logPolicy, double[][] logSft, double[][] reward, double beta) =>
        ResponseEnumeration.Expectation(mdp, logPolicy, y => ResponseEnumeration.Return(reward, y, 1))
        - (beta * ResponseEnumeration.Kl(mdp, logPolicy, logSft));
}
