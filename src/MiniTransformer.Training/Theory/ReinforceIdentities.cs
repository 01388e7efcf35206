using static MiniTransformer.Theory.Identity;

namespace MiniTransformer.Theory;

/// <summary>P9 to P11: the policy gradient, estimators of the KL, and the performance difference.</summary>
internal static class ReinforceIdentities
{
    // The size of a return Σ r̂ and of β Σ (log π_θ − log π_SFT), the weights of ∇ log π.
    private static double Scale(MdpDraw draw) =>
        draw.Mdp.Horizon * (Size(draw.LogExpert) + Size(draw.LogReference) + (draw.Beta * (Size(draw.LogPolicy) + Size(draw.LogExpert))));

    // The enumerated estimator against the gradient of the exact objective at the given discount; both with the KL penalty.
    private static double GradientError(MdpDraw draw, double discount, Func<Response, double[]> weights)
    {
        double[][] estimated = ExactPolicyGradient.DensePathReinforce(draw.Mdp, draw.LogPolicy, draw.LogExpert, draw.Beta, weights);
        TokenMdp mdp = draw.Mdp.WithDiscount(discount);
        double[][] exact = ExactPolicyGradient.OfObjective(mdp, draw.Policy, draw.Reward, draw.Beta, draw.LogExpert);
        return Error(estimated, exact, Scale(draw));
    }

    internal static IdentityResult P9WholePath(MdpDraw draw)
    {
        // False: credit a token with what came before it and not with what follows.
        Func<Response, double[]> past = y =>
        {
            double sum = 0;
            return [.. y.Entries(draw.Reward).Select(r => sum += r)];
        };
        return new IdentityResult(
            GradientError(draw, 1, ExactPolicyGradient.WholePath(draw.Reward)),
            HasOnePolicy(draw) || draw.Mdp.StateCount < 2 ? null : GradientError(draw, 1, past));
    }

    internal static IdentityResult P9ReturnToGo(MdpDraw draw)
    {
        Func<Response, double[]> discounted = ExactPolicyGradient.ReturnToGo(draw.Reward, Math.Min(draw.Mdp.Discount, 0.9));
        return new IdentityResult(
            GradientError(draw, 1, ExactPolicyGradient.ReturnToGo(draw.Reward)),
            HasOnePolicy(draw) || draw.Mdp.StateCount < 2 ? null : GradientError(draw, 1, discounted));
    }

    internal static IdentityResult P9Baseline(MdpDraw draw)
    {
        // False: a baseline that looks at the token, here the token's own reward.
        Func<Response, double[]> peeking = y =>
            [.. ExactPolicyGradient.ReturnToGo(draw.Reward)(y).Zip(y.Entries(draw.Reward), (g, r) => g - r)];
        return new IdentityResult(
            GradientError(draw, 1, ExactPolicyGradient.ReturnToGo(draw.Reward, 1, draw.Potential)),
            HasOnePolicy(draw) ? null : GradientError(draw, 1, peeking));
    }

    internal static IdentityResult P9Discounted(MdpDraw draw)
    {
        // The discounted objective needs γᵗ G_t; G_t alone, as it is commonly used, is the gradient of no objective.
        double discount = draw.Mdp.Discount;
        Func<Response, double[]> toGo = ExactPolicyGradient.ReturnToGo(draw.Reward, discount);
        Func<Response, double[]> weighted = y => [.. toGo(y).Select((g, t) => Math.Pow(discount, t) * g)];
        return new IdentityResult(
            GradientError(draw, discount, weighted),
            HasOnePolicy(draw) || draw.Mdp.StateCount < 2 || discount == 1 ? null : GradientError(draw, discount, toGo));
    }

    // Error and control of a statement about one state, over all states of the draw.
    private static IdentityResult OverStates(MdpDraw draw, Func<int, (double Error, double Control)> state)
    {
        double error = 0, control = 0;
        for (int s = 0; s < draw.Mdp.StateCount; s++)
        {
            (double e, double c) = state(s);
            (error, control) = (Math.Max(error, e), Math.Max(control, c));
        }

        return new IdentityResult(error, HasOnePolicy(draw) ? null : control);
    }

    internal static IdentityResult P10K1(MdpDraw draw) => OverStates(draw, s =>
    {
        double kl = KlEstimators.Exact(draw.Policy[s], draw.Expert[s]), scale = Size([draw.Policy[s], draw.Expert[s]]);
        double mean = KlEstimators.Expectation(draw.LogPolicy[s], draw.LogExpert[s], KlEstimators.K1);
        double swapped = KlEstimators.Expectation(draw.LogExpert[s], draw.LogPolicy[s], KlEstimators.K1); // drawn from π_SFT
        return (Error(mean, kl, scale), Error(swapped, kl, scale));
    });

    internal static IdentityResult P10K3(MdpDraw draw) => OverStates(draw, s =>
    {
        double kl = KlEstimators.Exact(draw.Policy[s], draw.Expert[s]), scale = Size([draw.Policy[s], draw.Expert[s]]);
        double mean = KlEstimators.Expectation(draw.LogPolicy[s], draw.LogExpert[s], KlEstimators.K3);
        double negative = 0;
        for (int a = 0; a < draw.Mdp.Vocabulary; a++)
        {
            double logRho = BaselineReward.LogRatio(draw.LogExpert[s][a], draw.LogPolicy[s][a]);
            if (double.IsFinite(logRho)) negative = Math.Max(negative, Excess(0, KlEstimators.K3(logRho), scale));
        }

        // False: ρ − 1 + log ρ, the sign of the logarithm of the other direction.
        double wrongSign = mean - (2 * KlEstimators.Expectation(draw.LogPolicy[s], draw.LogExpert[s], KlEstimators.K1));
        return (Math.Max(Error(mean, kl, scale), negative), Error(wrongSign, kl, scale));
    });

    internal static IdentityResult P10K2(MdpDraw draw) => OverStates(draw, s =>
    {
        // eˣ = 1 + x + ½x² + ⅙x³ e^ξ with ξ between 0 and x, so |k2 − k3| ≤ ⅙|log ρ|³ max(1, ρ).
        double kl = KlEstimators.Exact(draw.Policy[s], draw.Expert[s]);
        double mean = KlEstimators.Expectation(draw.LogPolicy[s], draw.LogExpert[s], KlEstimators.K2);
        double remainder = KlEstimators.Expectation(
            draw.LogPolicy[s], draw.LogExpert[s], (x, w) => Math.Exp(Math.Max(w, w + x)) * Math.Pow(Math.Abs(x), 3) / 6);
        double scale = Math.Max(mean, Size([draw.Policy[s], draw.Expert[s]]));
        return (Excess(Math.Abs(mean - kl), remainder, scale), Error(mean, kl, scale));
    });

    internal static IdentityResult P10Gradient(MdpDraw draw) => OverStates(draw, s =>
    {
        // ∇KL of the one state, by dual numbers; false: differentiate the sampled k1 as if it were a loss.
        double[][] exact = Dual.Gradient([draw.Policy[s]], x =>
        {
            Dual[] logPolicy = Dual.LogSoftmax(x[0]);
            Dual kl = 0;
            for (int a = 0; a < logPolicy.Length; a++)
                if (!double.IsNegativeInfinity(logPolicy[a].Value)) kl += Dual.Exp(logPolicy[a]) * (logPolicy[a] - draw.LogExpert[s][a]);
            return kl;
        });
        double[] asReward = KlEstimators.GradientOfK1AsReward(draw.LogPolicy[s], draw.LogExpert[s]);
        double[] asLoss = KlEstimators.GradientOfK1AsLoss(draw.LogPolicy[s]);
        double scale = Size([draw.LogPolicy[s], draw.LogExpert[s]]);
        return (Math.Max(Error([asLoss], [new double[asLoss.Length]]), Error([asReward], exact, scale)), Error([asLoss], exact, scale));
    });

    internal static IdentityResult P11(MdpDraw draw)
    {
        (double[][] old, double[][] @new, double discount) = (draw.LogReference, draw.LogPolicy, draw.Mdp.Discount);
        double gain = PerformanceDifference.Performance(draw.Mdp, @new, draw.Reward)
            - PerformanceDifference.Performance(draw.Mdp, old, draw.Reward);
        double[][] advantages = PerformanceDifference.Advantages(draw.Mdp, old, draw.Reward);
        double Collected(double[][] logPolicy) =>
            ResponseEnumeration.Expectation(draw.Mdp, logPolicy, y => ResponseEnumeration.Return(advantages, y, discount));
        double scale = draw.Mdp.Horizon * (Size(draw.LogExpert) + Size(draw.LogReference));
        return new IdentityResult(Error(gain, Collected(@new), scale), HasOnePolicy(draw) ? null : Error(gain, Collected(old), scale));
    }
}
