namespace MiniTransformer.Lab;

/// <summary>
/// Two policies on the same prompts: how many more the one gets right, and whether that many prompts can show it. McNemar's exact test: of
/// the m prompts on which the two differ, n are won; given m, n is binomial, and p = ½ where neither is better. The interval is Clopper and
/// Pearson's for p, as a difference of accuracies, (2p − 1) m / N: it leaves out zero exactly where the two-sided exact test rejects at 5%.
/// What another seed of the training would change is not in it.
/// </summary>
/// <param name="Prompts">N.</param>
/// <param name="Won">Prompts that only the one gets right.</param>
/// <param name="Lost">Prompts that only the other gets right.</param>
public readonly record struct PairedGain(int Prompts, int Won, int Lost)
{
    private const double Tail = .025;

    /// <summary>The difference of accuracies.</summary>
    public double Mean => (Won - Lost) / (double)Prompts;

    /// <summary>Its 95% interval.</summary>
    public Interval Interval
    {
        get
        {
            (int m, int won, int lost) = (Won + Lost, Won, Lost);
            if (m == 0) return new Interval(0, 0);
            double low = Won == 0 ? 0 : Solve(p => AtLeast(won, m, p) < Tail),
                high = Lost == 0 ? 1 : 1 - Solve(p => AtLeast(lost, m, p) < Tail);
            return new Interval((2 * low - 1) * m / Prompts, (2 * high - 1) * m / Prompts);
        }
    }

    /// <summary>What the prompts show.</summary>
    public Outcome Outcome => Interval.Low > 0 ? Outcome.Better : Interval.High < 0 ? Outcome.Worse : Outcome.Unclear;

    /// <summary>The gain from one policy to another.</summary>
    /// <param name="before">Which prompts the one gets right.</param>
    /// <param name="after">Which the other does.</param>
    public static PairedGain Of(IReadOnlyList<bool> before, IReadOnlyList<bool> after)
    {
        if (before.Count != after.Count)
        {
            throw new ArgumentException($"PairedGain: {before.Count} and {after.Count} prompts; they have to be the same.");
        }
        return new PairedGain(before.Count, Enumerable.Range(0, before.Count).Count(i => after[i] && !before[i]),
            Enumerable.Range(0, before.Count).Count(i => before[i] && !after[i]));
    }

    // P(X ≥ k) of a binomial with m draws.
    private static double AtLeast(int k, int m, double p)
    {
        double sum = 0, logOdds = Math.Log(p) - Math.Log(1 - p), log = m * Math.Log(1 - p);
        for (int i = 0; i <= m; i++)
        {
            if (i >= k) sum += Math.Exp(log);
            log += Math.Log(m - i) - Math.Log(i + 1) + logOdds;
        }

        return sum;
    }

    // The largest p in (0, 1) for which a condition that holds near 0 still holds, by bisection.
    private static double Solve(Func<double, bool> holds)
    {
        double low = 0, high = 1;
        while ((low + high) / 2 is var middle && middle > low && middle < high)
        {
            if (holds(middle)) low = middle;
            else high = middle;
        }

        return low;
    }
}
