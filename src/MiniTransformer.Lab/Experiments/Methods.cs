using MiniTransformer.Training;

namespace MiniTransformer.Lab;

/// <summary>A method whose setting is varied, and the values that it is run at.</summary>
/// <param name="At">The method at a value of its knob.</param>
/// <param name="Values">The values.</param>
/// <param name="Default">The value at which it is the method of the table.</param>
public sealed record Sweep(Func<double, Method> At, IReadOnlyList<double> Values, double Default)
{
    /// <summary>The method at all values.</summary>
    public IEnumerable<Method> All => Values.Select(At);
}

/// <summary>The methods of the comparison.</summary>
public static class Methods
{
    private static readonly double[] Betas = [.3, 1, 3, 10], Alphas = [.25, .5, 1, 2], Gammas = [0, .5, .9, 1], RateFactors = [.3, 1, 3],
        PairRateFactors = [.1, .3, 1];

    /// <summary>The methods of a regime, each at its default setting, in the order of the table.</summary>
    public static IReadOnlyList<Method> Of(Regime regime)
    {
        string main = regime.MainReference;
        List<Method> methods = [.. Untrained(regime), new ContinuedSftMethod()];
        if (regime.IsOrdered) methods.Add(new ContinuedSftMethod(LastPart: true));
        methods.AddRange(
        [
            new ObjectiveMethod("inverse-Q, χ²", new Objective(ObjectiveKind.InverseQChi2)),
            new ObjectiveMethod("DFT", new Objective(ObjectiveKind.Dft)),
            new SpinMethod(),
            new SpinMethod(main),
            new GsilMethod(),
            new ExtrapolationMethod(main),
            new DprMethod(main),
            Floored(regime, main),
            new DprMethod(main, "DPR, centred") { Rewarding = new RewardOptions { Centred = true } },
            new DprMethod(main, "DPR, clipped at 1") { Rewarding = new RewardOptions { Clip = 1 } },
            new DprMethod(main, "DPR, γ = 0") { Settings = o => o with { Gamma = 0 } },
            new DprMethod(main, "DPR, dual KL") { Settings = o => o with { Beta = o.Beta / 2, ReferenceBeta = o.Beta / 2 } },
            new DprMethod(DprMethod.Ensemble([main, World.Fraction(regime.HasBase ? .1 : .05), World.Fraction(.25)]), "DPR, ensemble"),
        ]);
        if (regime.HasBase) methods.Add(new DprMethod(World.Fraction(.1)));
        methods.AddRange(
        [
            new DprMethod(World.Fraction(.5)),
            Sentence(main),
            new DprMethod(main, "log π_SFT as reward") { Rewarding = new RewardOptions { Kind = RewardKind.LogPolicy } },
            new MixedMethod(main),
            new OracleMethod(),
        ]);
        return methods;
    }

    /// <summary>The demo's methods: SFT and its controls, and DPR plain, floored, and with the half-way checkpoint as reference.</summary>
    public static IReadOnlyList<Method> OfDemo(Regime regime) =>
    [
        .. Untrained(regime), new ContinuedSftMethod(), new DprMethod(regime.MainReference), Floored(regime, regime.MainReference),
        new DprMethod(World.Fraction(.5)),
    ];

    /// <summary>Whether a method's accuracy is followed while it trains.</summary>
    public static bool HasCurve(Method method) =>
        method is { Value: null, Role: MethodRole.ContinuedSft or MethodRole.Dpr or MethodRole.FlooredDpr };

    /// <summary>
    /// Settings that change how far a method goes from π_SFT: for the choice on validation prompts, and for the comparison at equal KL.
    /// </summary>
    public static IReadOnlyList<Sweep> StrengthSweeps(Regime regime)
    {
        string main = regime.MainReference;
        return
        [
            new Sweep(beta => new DprMethod(main).AtBeta(beta), Betas, regime.Dpr.Beta),
            new Sweep(beta => Floored(regime, main).AtBeta(beta), Betas, regime.Dpr.Beta),
            new Sweep(beta => Sentence(main).AtBeta(beta), Betas, regime.Dpr.Beta),
            new Sweep(alpha => new ExtrapolationMethod(main, alpha, Varied: true), Alphas, 1),
            new Sweep(factor => new ContinuedSftMethod(factor, Varied: true), RateFactors, 1),
            new Sweep(factor => new SpinMethod(main, factor, Varied: true), PairRateFactors, SpinMethod.DefaultRateFactor),
            new Sweep(factor => new SpinMethod(null, factor, Varied: true), PairRateFactors, SpinMethod.DefaultRateFactor),
            new Sweep(factor => new GsilMethod(factor, Varied: true), PairRateFactors, SpinMethod.DefaultRateFactor),
        ];
    }

    /// <summary>
    /// The methods of the sweeps, run on seeds of their own: SFT, where every sweep starts; strengths; γ; and the references.
    /// </summary>
    public static IReadOnlyList<Method> OfSweep(Regime regime) =>
    [
        new SftMethod(),
        .. StrengthSweeps(regime).SelectMany(sweep => sweep.All),
        .. Gammas.Select(gamma => new DprMethod(regime.MainReference).AtGamma(gamma)),
        .. World.ReferencesOf(regime).Select(reference => new DprMethod(reference)),
    ];

    /// <summary>
    /// The methods of an evaluation seed: each at its default setting, and again at the setting that the sweep chose, where that is another
    /// one.
    /// </summary>
    /// <param name="regime">The regime.</param>
    /// <param name="sweep">Results of the sweep seeds.</param>
    public static IReadOnlyList<(Method Method, bool Chosen)> OfEvaluation(Regime regime, IReadOnlyList<MethodResult> sweep)
    {
        List<(Method, bool)> methods = [.. Of(regime).Select(method => (method, false))];
        foreach (Sweep strengths in StrengthSweeps(regime))
        {
            if (Selection.Best(sweep, regime.Name, strengths.At(strengths.Default)) is { } best && best != strengths.Default)
            {
                methods.Add((strengths.At(best), true));
            }
        }

        return methods;
    }

    private static IEnumerable<Method> Untrained(Regime regime) =>
        regime.HasBase ? [new BaseMethod(), new SftMethod(), new CoolSftMethod()] : [new SftMethod(), new CoolSftMethod()];

    private static DprMethod Floored(Regime regime, string reference) =>
        new(reference, "DPR, floor") { Role = MethodRole.FlooredDpr, Rewarding = new RewardOptions { Floor = regime.Floor } };

    private static DprMethod Sentence(string reference) =>
        new(reference, "sentence-level REINFORCE") { Role = MethodRole.Sentence, Settings = o => o with { SentenceLevel = true } };
}
