namespace MiniTransformer.Theory;

/// <summary>
/// P6: the baseline-relative reward [BI], r̂(s, a) = log π_SFT(a|s) − log π_ref(a|s), with π_ref an earlier checkpoint of the same run.
/// It is dense (one number a token), and Σ_t r̂ is the difference of two sequence log-probabilities.
/// </summary>
public static class BaselineReward
{
    /// <summary>r̂ for every state and token. A token that both policies forbid has reward −∞, not −∞ + ∞.</summary>
    public static double[][] Of(double[][] logExpert, double[][] logReference) =>
        [.. logExpert.Zip(logReference, (expert, reference) => expert.Zip(reference, LogRatio).ToArray())];

    /// <summary>log p − log q for one token.</summary>
    public static double LogRatio(double logP, double logQ) => double.IsNegativeInfinity(logP) ? logP : logP - logQ;
}
