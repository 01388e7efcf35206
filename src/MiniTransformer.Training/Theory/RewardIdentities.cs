using static MiniTransformer.Theory.Identity;

namespace MiniTransformer.Theory;

/// <summary>P6 to P8: what the baseline-relative reward says, where reinforcing it goes, and how errors in it spread.</summary>
internal static class RewardIdentities
{
    // The size of a return Σ r̂: H times the largest reward.
    private static double Scale(MdpDraw draw) => draw.Mdp.Horizon * (Size(draw.LogExpert) + Size(draw.LogReference));

    internal static IdentityResult P6Expert(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp.WithDiscount(1);
        double value = PerformanceDifference.PolicyValues(mdp, draw.LogExpert, draw.Reward).V[0];
        double kl = ResponseEnumeration.Kl(mdp, draw.LogExpert, draw.LogReference), scale = Scale(draw);
        double reverse = ResponseEnumeration.Kl(mdp, draw.LogReference, draw.LogExpert);
        return new IdentityResult(
            Math.Max(Error(value, kl, scale), Excess(0, value, scale)), HasOnePolicy(draw) ? null : Error(value, reverse, scale));
    }

    internal static IdentityResult P6Reference(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp.WithDiscount(1);
        double value = PerformanceDifference.PolicyValues(mdp, draw.LogReference, draw.Reward).V[0];
        double kl = ResponseEnumeration.Kl(mdp, draw.LogReference, draw.LogExpert), scale = Scale(draw);
        return new IdentityResult(
            Math.Max(Error(value, -kl, scale), Excess(value, 0, scale)), HasOnePolicy(draw) ? null : Error(value, kl, scale));
    }

    internal static IdentityResult P7Form(MdpDraw draw)
    {
        double[][] Optimum(double beta) => RegularizedOptimum.ByTokens(draw.Mdp, draw.LogExpert, draw.Reward, beta);
        double[][] byTokens = Optimum(draw.Beta), inverted = Optimum(1 / draw.Beta);
        double scale = Scale(draw) * (1 + (1 / draw.Beta)), error = 0, control = 0;
        var byResponses = RegularizedOptimum.ByResponses(draw.Mdp, draw.LogExpert, draw.LogReference, draw.Beta);
        foreach ((Response y, double logProbability) in byResponses.Policy)
        {
            error = Math.Max(error, Error(ResponseEnumeration.LogProbability(byTokens, y), logProbability, scale));
            control = Math.Max(control, Error(ResponseEnumeration.LogProbability(inverted, y), logProbability, scale));
        }

        return new IdentityResult(error, HasOnePolicy(draw) || draw.Beta == 1 ? null : control);
    }

    internal static IdentityResult P7Optimum(MdpDraw draw)
    {
        // J(π) = β log Z − β KL(π‖π*) for every π: so π* is the maximum, and the only one.
        double[][] optimum = RegularizedOptimum.ByTokens(draw.Mdp, draw.LogExpert, draw.Reward, draw.Beta);
        double best = draw.Beta * RegularizedOptimum.ByResponses(draw.Mdp, draw.LogExpert, draw.LogReference, draw.Beta).LogZ;
        double Objective(double[][] logPolicy) => RegularizedOptimum.Objective(draw.Mdp, logPolicy, draw.LogExpert, draw.Reward, draw.Beta);
        double kl = ResponseEnumeration.Kl(draw.Mdp, draw.LogPolicy, optimum);
        double reverse = ResponseEnumeration.Kl(draw.Mdp, optimum, draw.LogPolicy);
        double scale = (Scale(draw) * (1 + draw.Beta)) + (draw.Beta * draw.Mdp.Horizon * Size(draw.LogPolicy));
        double value = Objective(draw.LogPolicy);
        return new IdentityResult(
            Math.Max(Error(Objective(optimum), best, scale), Error(value, best - (draw.Beta * kl), scale)),
            HasOnePolicy(draw) ? null : Error(value, best - (draw.Beta * reverse), scale));
    }

    internal static IdentityResult P8Values(MdpDraw draw)
    {
        // The bound is attained by a constant error c: every state with h certain steps to go is off by exactly h c.
        const double c = 0.5;
        double scale = draw.Mdp.Horizon * Size(draw.Expert), error = 0, control = 0;
        double[][] constant = draw.Mdp.Table((s, a) => draw.Expert[s][a] + c);
        foreach ((double left, double right) in Stability.ValueBound(draw.Mdp, draw.Expert, draw.Reference))
            error = Math.Max(error, Excess(left, right, scale));
        foreach ((double left, double right) in Stability.ValueBound(draw.Mdp, draw.Expert, constant))
        {
            error = Math.Max(error, Excess(left, right, scale));
            control = Math.Max(control, Excess(left, c, 1));
        }

        // Without an end token every response has H tokens, and ≤ is =.
        if (draw.Mdp.EndToken is null && draw.Mdp.Horizon > 0)
        {
            (double left, double right) = Stability.ValueBound(draw.Mdp, draw.Expert, constant).First();
            error = Math.Max(error, Error(left, right, scale));
        }

        return new IdentityResult(error, draw.Mdp.StateCount < 2 ? null : control);
    }

    internal static IdentityResult P8Policy(MdpDraw draw) => PolicyBounds(draw, Stability.PolicyBound, 0.1);

    internal static IdentityResult P8LogPolicy(MdpDraw draw) => PolicyBounds(draw, Stability.LogPolicyBound, 2);

    // The bounds on the rows of the draw; and their constants (1 and 2) cannot be halved: two logits that start equal and are moved apart.
    private static IdentityResult PolicyBounds(MdpDraw draw, Func<double[], double[], (double Left, double Right)> bound, double delta)
    {
        double scale = Size(draw.Expert) + Size(draw.Reference), error = 0;
        for (int s = 0; s < draw.Mdp.StateCount; s++)
        {
            (double left, double right) = bound(draw.Expert[s], draw.Reference[s]);
            error = Math.Max(error, Excess(left, right, scale));
        }

        (double tightLeft, double tightRight) = bound([0, 0], [delta, -delta]);
        return new IdentityResult(Math.Max(error, Excess(tightLeft, tightRight, 1)), Excess(tightLeft, tightRight / 2, 1));
    }
}
