using static MiniTransformer.Theory.Identity;

namespace MiniTransformer.Theory;

/// <summary>P1 to P5: SFT maximises the inverse-Q objective, and what it recovers is a reward.</summary>
internal static class SftIdentities
{
    private static double Mean(MdpDraw draw, Func<Response, double> f) => draw.Demonstrations.Average(f);

    // Σ_t γᵗ (|Q_t| + γ |V_{t+1}|) + |V_0|: the size of the terms of J.
    private static double Terms(MdpDraw draw) => Mean(draw, y =>
    {
        double[][] logits = y.Rows(draw.Expert);
        return InverseSoftQ.Values(logits).Sum(Math.Abs) + y.Entries(draw.Expert).Sum(Math.Abs);
    });

    private static double Objective(MdpDraw draw, double discount, Phi phi) =>
        Mean(draw, y => InverseSoftQ.Objective(y.Rows(draw.Expert), y.Tokens, discount, phi));

    private static double Loss(MdpDraw draw, double discount) =>
        Mean(draw, y => CrossEntropy.Loss(y.Rows(draw.Expert), y.Tokens, discount));

    internal static IdentityResult P1(MdpDraw draw)
    {
        double discount = draw.Mdp.Discount, terms = Terms(draw), loss = Loss(draw, discount);
        double advantages = Mean(draw, y => ResponseEnumeration.Return(draw.LogExpert, y, discount)); // Σ γᵗ (Q_t − V_t)
        double objective = Objective(draw, discount, Phi.Linear);
        return new IdentityResult(
            Math.Max(Error(objective, -loss, terms), Error(objective, advantages, terms)),
            Error(Objective(draw, discount, Phi.ChiSquared(draw.Alpha)), -loss, terms));
    }

    internal static IdentityResult P2(MdpDraw draw)
    {
        double discount = draw.Mdp.Discount;
        Phi chiSquared = Phi.ChiSquared(draw.Alpha);
        double error = 0, control = 0;
        foreach (Response y in draw.Demonstrations)
        {
            double[][] logits = y.Rows(draw.Expert);
            double[][] descent = [.. CrossEntropy.Gradient(logits, y.Tokens, discount).Select(row => row.Select(g => -g).ToArray())];
            error = Math.Max(error, Error(InverseSoftQ.Gradient(logits, y.Tokens, discount, Phi.Linear), descent));
            control = Math.Max(control, Error(InverseSoftQ.Gradient(logits, y.Tokens, discount, chiSquared), descent));
        }

        return new IdentityResult(error, draw.Mdp.Vocabulary == 1 && draw.Mdp.Horizon < 2 ? null : control);
    }

    internal static IdentityResult P3ChiSquared(MdpDraw draw)
    {
        double discount = draw.Mdp.Discount, loss = Loss(draw, discount), objective = Objective(draw, discount, Phi.ChiSquared(draw.Alpha));
        double squares = Mean(draw, y =>
        {
            double[] r = InverseSoftQ.Rewards(y.Rows(draw.Expert), y.Tokens, discount);
            return r.Select((x, t) => Math.Pow(discount, t) * x * x).Sum();
        }) / (4 * draw.Alpha);
        double scale = Terms(draw) + squares;
        return new IdentityResult(Error(objective, -loss - squares, scale), draw.Mdp.Horizon == 0 ? null : Error(objective, -loss, scale));
    }

    internal static IdentityResult P3Tail(MdpDraw draw)
    {
        // A demonstration that is cut where it does not end, and the value of the state after the cut is kept.
        Response? longest = draw.Demonstrations.MaxBy(y => y.Length);
        if (longest is null || longest.Length < 2) return new IdentityResult(0, null);
        int cut = longest.Length - 1;
        double discount = draw.Mdp.Discount;
        double[][] logits = [.. longest.Rows(draw.Expert).Take(cut)];
        int[] tokens = [.. longest.Tokens.Take(cut)];
        double tail = Math.Pow(discount, cut) * SoftBellman.LogSumExp(draw.Expert[longest.States[cut]]);

        // The rewards of the whole response, up to the cut: the last of them, Q_{T−1} − γ V(s_T), looks at the state after the cut.
        double[] r = InverseSoftQ.Rewards(longest.Rows(draw.Expert), longest.Tokens, discount);
        double rewards = r.Take(cut).Select((x, t) => Math.Pow(discount, t) * x).Sum();
        double objective = rewards - SoftBellman.LogSumExp(draw.Expert[longest.States[0]]);
        double loss = CrossEntropy.Loss(logits, tokens, discount), scale = draw.Mdp.Horizon * Size(draw.Expert);
        return new IdentityResult(Error(objective, -loss - tail, scale), Error(objective, -loss, scale));
    }

    internal static IdentityResult P3Discount(MdpDraw draw)
    {
        double discount = draw.Mdp.Discount, terms = Terms(draw), objective = Objective(draw, discount, Phi.Linear), loss = Loss(draw, 1);
        double missing = Mean(draw, y =>
            CrossEntropy.PerToken(y.Rows(draw.Expert), y.Tokens).Select((l, t) => (1 - Math.Pow(discount, t)) * l).Sum());
        bool same = discount == 1 || draw.Demonstrations.All(y => y.Length < 2) || draw.Mdp.Vocabulary == 1;
        return new IdentityResult(Error(objective, -loss + missing, terms), same ? null : Error(objective, -loss, terms));
    }

    internal static IdentityResult P4RoundTrip(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp;
        double scale = Size(draw.Expert);
        double[] v = SoftBellman.Values(mdp, draw.Expert);
        (double[][] q, double[] value) = SoftBellman.BackwardInduction(mdp, SoftBellman.Inverse(mdp, draw.Expert));
        double error = Math.Max(
            Math.Max(Error(q, draw.Expert, scale), Error([value], [v], scale)), Error(SoftBellman.LogPolicy(q), draw.LogExpert, scale));
        double control = Error(SoftBellman.BackwardInduction(mdp, draw.Expert).Q, draw.Expert, scale);
        return new IdentityResult(error, mdp.StateCount < 2 ? null : control);
    }

    internal static IdentityResult P4Entropy(MdpDraw draw)
    {
        double[][] reward = SoftBellman.Inverse(draw.Mdp, draw.Expert);
        double value = SoftBellman.Values(draw.Mdp, draw.Expert)[0];
        double returns = PerformanceDifference.Performance(draw.Mdp, draw.LogExpert, reward);
        double entropy = -PerformanceDifference.Performance(draw.Mdp, draw.LogExpert, draw.LogExpert);
        double scale = draw.Mdp.Horizon * Size(draw.Expert);
        return new IdentityResult(
            Error(value, returns + entropy, scale), HasOnePolicy(draw) ? null : Error(value, returns, scale));
    }

    internal static IdentityResult P4Partition(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp.WithDiscount(1);
        double[][] reward = SoftBellman.Inverse(mdp, draw.Expert);
        double[] returns = [.. ResponseEnumeration.All(mdp).Select(y => ResponseEnumeration.Return(reward, y, 1))];
        double value = SoftBellman.Values(mdp, draw.Expert)[0], scale = mdp.Horizon * Size(draw.Expert);
        return new IdentityResult(
            Error(value, SoftBellman.LogSumExp(returns), scale), HasOnePolicy(draw) ? null : Error(value, returns.Max(), scale));
    }

    internal static IdentityResult P5Shaping(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp;
        double scale = Size(draw.Expert);
        double[][] reward = SoftBellman.Inverse(mdp, draw.Expert);
        double[] v = SoftBellman.Values(mdp, draw.Expert);
        double[][] mismatched = PotentialShaping.Shape(mdp.WithDiscount(mdp.Discount / 2), reward, v);
        return new IdentityResult(
            Error(PotentialShaping.Shape(mdp, reward, v), draw.LogExpert, scale),
            mdp.StateCount < 2 ? null : Error(mismatched, draw.LogExpert, scale));
    }

    internal static IdentityResult P5ZeroValue(MdpDraw draw)
    {
        double scale = Size(draw.Expert);
        (double[][] q, double[] v) = SoftBellman.BackwardInduction(draw.Mdp, draw.LogExpert);
        double[] zero = new double[v.Length];
        double error = Math.Max(Error([v], [zero], scale), Error(SoftBellman.LogPolicy(q), draw.LogExpert, scale));
        double[] underReward = SoftBellman.BackwardInduction(draw.Mdp, SoftBellman.Inverse(draw.Mdp, draw.Expert)).V;
        return new IdentityResult(error, draw.Mdp.Horizon == 0 ? null : Error([underReward], [zero], scale));
    }

    internal static IdentityResult P5AnyPotential(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp;
        (double[][] q, double[] v) = SoftBellman.BackwardInduction(mdp, draw.Expert); // here the table is any reward
        double[] lowered = [.. v.Zip(draw.Potential, (value, phi) => value - phi)];
        double scale = mdp.Horizon * Size(draw.Expert);
        double Compare(double discount)
        {
            double[][] shaped = PotentialShaping.Shape(mdp.WithDiscount(discount), draw.Expert, draw.Potential);
            (double[][] shapedQ, double[] shapedV) = SoftBellman.BackwardInduction(mdp, shaped);
            return Math.Max(Error(SoftBellman.LogPolicy(shapedQ), SoftBellman.LogPolicy(q), scale), Error([shapedV], [lowered], scale));
        }

        return new IdentityResult(Compare(mdp.Discount), mdp.StateCount < 2 ? null : Compare(mdp.Discount / 2));
    }
}
