namespace MiniTransformer.Lab;

/// <summary>How far from π_SFT one run ended, and what it reached there.</summary>
/// <param name="Kl">KL(π‖π_SFT) of a response, in nats.</param>
/// <param name="Greedy">Accuracy of the most probable tokens.</param>
/// <param name="Sampled">Accuracy of one sampled response.</param>
public sealed record KlPoint(double Kl, double Greedy, double Sampled);

/// <summary>A method whose strength was varied.</summary>
/// <param name="Name">Method and reference.</param>
/// <param name="Role">What the method is in a comparison.</param>
/// <param name="Reference">Its reference, or null.</param>
/// <param name="Knob">The setting that was varied, such as "β".</param>
/// <param name="Curves">For each seed its points in order of KL, π_SFT itself at KL = 0 first.</param>
/// <param name="Folded">Seeds in which KL neither rises nor falls throughout with the setting.</param>
public sealed record KlFamily(
    string Name, MethodRole Role, string? Reference, string Knob, IReadOnlyDictionary<ulong, IReadOnlyList<KlPoint>> Curves, int Folded)
{
    /// <summary>The accuracy at a KL in one seed; NaN beyond the points that were measured.</summary>
    public double At(ulong seed, double kl, Decoding decoding) =>
        Curves.TryGetValue(seed, out var points) ? MatchedKl.Interpolate(points, kl, decoding) : double.NaN;

    /// <summary>The largest KL that was reached in every seed.</summary>
    public double Reach => Curves.Values.Min(points => points[^1].Kl);
}

/// <summary>
/// Methods of one regime compared at equal distance from π_SFT, on the sweep's seeds. At equal settings they cannot be compared: advantages
/// are divided by their RMS, so that the same β lets one method go further than another.
/// </summary>
/// <remarks>
/// A family is a method with its reference at several values of β, α or the learning rate. In one seed each value gives a point (KL,
/// accuracy), and π_SFT, where all of them begin, is the point at KL = 0. The accuracy at a given KL is interpolated linearly between the
/// two neighbours in order of KL:
/// <code>
///   acc(κ) = acc₀ + (acc₁ − acc₀) (κ − κ₀) / (κ₁ − κ₀),   κ₀ ≤ κ ≤ κ₁
/// </code>
/// <list type="bullet">
/// <item>Order is by KL and not by the setting: where a larger setting brings a smaller KL out of turn the curve still says what the method
/// reaches at a distance. Points of equal KL count as their mean. <see cref="KlFamily.Folded"/> tells in how many seeds that
/// happened.</item>
/// <item>Nothing is extrapolated: beyond a family's largest KL of a seed there is no value, and the seed does not count for it.</item>
/// <item>Runs that collapsed are no points.</item>
/// <item>The KL values at which methods are compared are taken from a fixed ladder, see <see cref="Targets"/>: no one chooses them by
/// looking at accuracies.</item>
/// </list>
/// γ is no strength: it changes what is optimised.
/// </remarks>
public sealed class MatchedKl
{
    private const int MostTargets = 3;

    private static readonly double[] Ladder = [.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10];

    private readonly IReadOnlyList<ulong> seeds;

    private MatchedKl(IReadOnlyList<KlFamily> families, IReadOnlyList<ulong> seeds) =>
        (Families, this.seeds, Targets) = (families, seeds, Choose(families));

    /// <summary>The families, in the order of the results; the first is the one that the others are compared with.</summary>
    public IReadOnlyList<KlFamily> Families { get; }

    /// <summary>Number of the sweep's seeds.</summary>
    public int Seeds => seeds.Count;

    /// <summary>
    /// The KL values of the comparison, ascending: the three largest of .01, .025, .05, .1, .25, .5, 1, 2.5, 5 and 10 nats that the first
    /// family and at least one other reach in every seed.
    /// </summary>
    public IReadOnlyList<double> Targets { get; }

    /// <summary>Collects the families from the sweep's results in one regime; null where nothing can be compared.</summary>
    /// <param name="results">Results; only those of the regime's sweep count.</param>
    /// <param name="regime">The regime.</param>
    public static MatchedKl? Of(IEnumerable<MethodResult> results, string regime)
    {
        MethodResult[] sweep = [.. results.Where(c => c.Sweep && c.Regime == regime && c.Failure is null)];
        var origins = sweep.Where(c => c.Knob is null && c.Role == MethodRole.Sft)
            .ToDictionary(c => c.Seed, c => new KlPoint(0, c.Greedy, c.Sampled));
        KlFamily[] families =
        [
            .. sweep.Where(c => c is { Knob: not null and not DprMethod.Discount, Value: not null } && double.IsFinite(c.Kl)
                && origins.ContainsKey(c.Seed))
                .GroupBy(c => (c.Method, c.Reference, Knob: c.Knob!))
                .Select(family => Family(family.First(), family, origins)),
        ];
        return families.Length < 2 ? null : new MatchedKl(families, [.. origins.Keys.Order()]);
    }

    /// <summary>The name of the family that a result belongs to: method and reference.</summary>
    public static string NameOf(MethodResult result) => MethodResult.LabelOf(result.Method, result.Reference, null, null);

    /// <summary>Mean and interval of a family's accuracy at a KL, over the seeds in which it went so far.</summary>
    public Estimate Level(KlFamily family, double kl, Decoding decoding) =>
        Estimate.Of([.. seeds.Select(seed => family.At(seed, kl, decoding)).Where(double.IsFinite)]);

    /// <summary>family − baseline at a KL, over the seeds in which both went so far.</summary>
    public PairedDifference Difference(KlFamily family, KlFamily baseline, double kl, Decoding decoding)
    {
        (double Value, double Other)[] pairs =
        [
            .. seeds.Select(seed => (family.At(seed, kl, decoding), baseline.At(seed, kl, decoding)))
                .Where(pair => double.IsFinite(pair.Item1) && double.IsFinite(pair.Item2)),
        ];
        return PairedDifference.Of([.. pairs.Select(p => p.Value)], [.. pairs.Select(p => p.Other)]);
    }

    /// <summary>Linear between the neighbours in order of KL; NaN outside.</summary>
    internal static double Interpolate(IReadOnlyList<KlPoint> points, double kl, Decoding decoding)
    {
        double Accuracy(int i) => decoding == Decoding.Greedy ? points[i].Greedy : points[i].Sampled;
        if (!(kl >= points[0].Kl)) return double.NaN;
        for (int i = 0; i < points.Count; i++)
        {
            if (points[i].Kl == kl) return Accuracy(i);
            if (points[i].Kl > kl)
            {
                return Accuracy(i - 1) + (Accuracy(i) - Accuracy(i - 1)) * (kl - points[i - 1].Kl) / (points[i].Kl - points[i - 1].Kl);
            }
        }

        return double.NaN;
    }

    private static KlFamily Family(MethodResult first, IEnumerable<MethodResult> results, Dictionary<ulong, KlPoint> origins)
    {
        var curves = new Dictionary<ulong, IReadOnlyList<KlPoint>>();
        int folded = 0;
        foreach (IGrouping<ulong, MethodResult> seed in results.GroupBy(c => c.Seed))
        {
            MethodResult[] bySetting = [.. seed.OrderBy(c => c.Value)];
            if (!Monotone([.. bySetting.Select(c => c.Kl)])) folded++;
            curves[seed.Key] =
            [
                .. bySetting.Select(c => new KlPoint(Math.Max(0, c.Kl), c.Greedy, c.Sampled)).Append(origins[seed.Key])
                    .GroupBy(p => p.Kl).OrderBy(g => g.Key)
                    .Select(g => new KlPoint(g.Key, g.Average(p => p.Greedy), g.Average(p => p.Sampled))),
            ];
        }

        return new KlFamily(NameOf(first), first.Role, first.Reference, first.Knob!, curves, folded);
    }

    private static bool Monotone(double[] values)
    {
        var steps = values.Skip(1).Zip(values, (next, value) => Math.Sign(next - value)).Where(sign => sign != 0);
        return steps.Distinct().Count() <= 1;
    }

    private static double[] Choose(IReadOnlyList<KlFamily> families) =>
        [.. Ladder.Where(kl => families[0].Reach >= kl && families.Skip(1).Any(f => f.Reach >= kl)).TakeLast(MostTargets)];
}
