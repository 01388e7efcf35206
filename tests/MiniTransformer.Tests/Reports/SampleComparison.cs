using MiniTransformer.Experiments;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Reports;

/// <summary>Invented results in the shape and size of a full comparison's: every method and sweep that the product runs, in every regime asked for.</summary>
internal static class SampleComparison
{
    internal const ulong FirstSweepSeed = 101;

    /// <summary>The cells of these regimes: evaluation seeds 1, 2, …, and sweep seeds 101, 102, ….</summary>
    internal static List<CellResult> Cells(IReadOnlyList<Regime> regimes, int seeds, int sweepSeeds)
    {
        var cells = new List<CellResult>();
        foreach (Regime regime in regimes)
        {
            List<CellResult> sweep =
            [
                .. Seeds(FirstSweepSeed, sweepSeeds).SelectMany(seed => Methods.SweepCells(regime).Select(m => Cell(regime, m, seed) with { Sweep = true })),
            ];
            cells.AddRange(Seeds(1, seeds).SelectMany(seed => Methods.EvaluationCells(regime, sweep).Select(m => Cell(regime, m.Method, seed) with { Chosen = m.Chosen })));
            cells.AddRange(sweep);
        }

        return cells;
    }

    /// <summary>Mean r̂ by position for every reference of every world.</summary>
    internal static List<WorldFacts> Facts(IReadOnlyList<Regime> regimes, int seeds, int sweepSeeds) =>
    [
        .. from regime in regimes
           from seed in Seeds(1, seeds).Concat(Seeds(FirstSweepSeed, sweepSeeds))
           select new WorldFacts(regime.Name, seed, seed >= FirstSweepSeed,
               [.. World.ReferencesOf(regime).Select((name, i) => new PositionRewards(
                   name, [.. Enumerable.Range(0, regime.Dpr.MaxTokens - 1).Select(t => (.5 - .08 * i) * Math.Exp(-.3 * t) + .04 * new Rng(seed, (ulong)(i * 100 + t)).NextNormal())]))],
               Advice(regime), new PlantedErrorResult(seed, 400, 0, 6, .18, [])),
    ];

    private static Advice Advice(Regime regime) => new(
        AdviceAction.Stop, null, 0, AdviceScore.Accuracy, 400, .01, 75,
        [
            new AdvisedPolicy(AdvisedKind.Sft, "SFT", .4, .3, 0, 0, 0),
            .. World.ReferencesOf(regime).Select(name => new AdvisedPolicy(AdvisedKind.Reference, name, .5, .4, .1, .02, .1)),
            new AdvisedPolicy(AdvisedKind.ContinuedSft, "continued SFT", .42, .31, .02, .02, .01),
        ]);

    private static IEnumerable<ulong> Seeds(ulong first, int count) => Enumerable.Range(0, count).Select(i => first + (ulong)i);

    private static CellResult Cell(Regime regime, Method method, ulong seed)
    {
        // The direction from reference to π_SFT is right where demonstrations are poor, and of no use where they are clean.
        double direction = regime.Name switch { "base-to-better" => 1, "base-to-good" or "lazyshift" => .6, "noisy" or "shift" => .15, _ => -.15 };
        double start = regime.Name switch { "base-to-better" => .38, "base-to-good" => .65, "base-to-curated" => .8, "lazyshift" => .15, "noisy" => .78, _ => .6 };
        double late = method.Reference is "50%" or "75%" ? -.6 : method.Reference is "25%" ? .3 : 1;
        double setting = method.Knob switch { "α" => method.Value!.Value, "β" => 1 / method.Value!.Value, "rate ×" => .1 * method.Value!.Value, _ => 1 };
        double kl = method.Name switch
        {
            "SFT" or "SFT at T = 0.5" => 0,
            "base" => .9,
            "continued SFT" or "continued SFT, last part" => .3 * setting,
            "DPR, floor" => 1.1 * Math.Pow(setting, .6),
            _ => .7 * Math.Pow(setting, .6),
        };
        double gain = method.Name switch
        {
            "SFT" or "SFT at T = 0.5" => 0,
            "base" => -.36,
            "continued SFT" or "continued SFT, last part" => .03 * Math.Sqrt(setting),
            "DPR, floor" => .5 * direction * (1 - Math.Exp(-1.6 * kl)),
            "log π_SFT as reward" => -.25,
            _ => .42 * direction * late * (1 - Math.Exp(-1.5 * kl)),
        };
        double luck = .04 * new Rng(seed, NamedSeed.Of(regime.Name, 1)).NextNormal();
        var rng = new Rng(seed, NamedSeed.Of(regime.Name + method.Label, 2));
        double Round(double x) => Math.Round(Math.Clamp(x + luck + .012 * rng.NextNormal(), 0, 1) * 500) / 500;
        double greedy = method.Temperature == 1 ? Round(start + gain) : double.NaN;
        double sampled = Round(.8 * (start + gain) + (method.Temperature == 1 ? .05 * Math.Min(1, kl) : .09));
        return new CellResult
        {
            Regime = regime.Name,
            Seed = seed,
            Method = method.Name,
            Reference = method.Reference,
            Knob = method.Knob,
            Value = method.Value,
            ValidationGreedy = Round(start + gain),
            ValidationSampled = Round(.8 * (start + gain)),
            Greedy = greedy,
            Sampled = sampled,
            Kl = kl * (1 + (kl > 0 ? .05 * rng.NextNormal() : 0)),
            Reward = .2 + gain,
            Entropy = .2 * Math.Exp(-kl),
            Length = 5.6 + .1 * rng.NextNormal(),
            Ended = 1,
            Tasks = regime.Tasks.Split(',').ToDictionary(t => t, _ => new TaskAccuracy(greedy, sampled)),
            Curve = Methods.HasCurve(method)
                ? [.. Enumerable.Range(0, 6).Select(i => new CurvePoint(i * 10, Round(start + gain * i / 5), Round(.8 * (start + gain * i / 5))))]
                : [],
        };
    }
}
