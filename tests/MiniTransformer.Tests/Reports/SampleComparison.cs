using MiniTransformer.Lab;
using MiniTransformer.Tensors;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Reports;

/// <summary>
/// Invented results in the shape and size of a full comparison's: every method and sweep that the product runs, in every regime asked for.
/// </summary>
internal static class SampleComparison
{
    internal const ulong FirstSweepSeed = 101;

    /// <summary>What the method of a name is in a comparison.</summary>
    internal static MethodRole RoleOf(string method) => method switch
    {
        "base" => MethodRole.Base,
        "SFT" => MethodRole.Sft,
        "SFT at T = 0.5" => MethodRole.CoolSft,
        "continued SFT" => MethodRole.ContinuedSft,
        "DPR" => MethodRole.Dpr,
        "DPR, floor" => MethodRole.FlooredDpr,
        "sentence-level REINFORCE" => MethodRole.Sentence,
        "RLOO, verifier as reward (oracle)" => MethodRole.SeesJudge,
        _ => MethodRole.Other,
    };

    /// <summary>The results of these regimes: evaluation seeds 1, 2, …, and sweep seeds 101, 102, ….</summary>
    internal static List<MethodResult> Cells(IReadOnlyList<Regime> regimes, int seeds, int sweepSeeds)
    {
        var cells = new List<MethodResult>();
        foreach (Regime regime in regimes)
        {
            List<MethodResult> sweep =
            [
                .. Seeds(FirstSweepSeed, sweepSeeds)
                .SelectMany(seed => Methods.OfSweep(regime).Select(m => Cell(regime, m, seed) with { Sweep = true })),
            ];
            cells.AddRange(Seeds(1, seeds)
                .SelectMany(seed => Methods.OfEvaluation(regime, sweep)
                    .Select(m => Cell(regime, m.Method, seed) with { Chosen = m.Chosen })));
            cells.AddRange(sweep);
        }

        return cells;
    }

    /// <summary>What is known of every world: r̂ by position, the advisor's word, planted errors.</summary>
    internal static List<WorldFacts> Facts(IReadOnlyList<Regime> regimes, int seeds, int sweepSeeds) =>
        [.. from regime in regimes from seed in Seeds(1, seeds).Concat(Seeds(FirstSweepSeed, sweepSeeds)) select Facts(regime, seed)];

    /// <summary>An advice that forecasts these gains.</summary>
    internal static Advice Advice(double? continued, params (string Name, double Gain)[] references)
    {
        List<AdvisedPolicy> policies = [new(AdvisedKind.Sft, "SFT", .4, .3, 0, 0, 0)];
        policies.AddRange(references.Select(r =>
            new AdvisedPolicy(AdvisedKind.Reference, r.Name, .4 + r.Gain, .3 + r.Gain, r.Gain, .01, r.Gain)));
        if (continued is { } gain)
        {
            policies.Add(new AdvisedPolicy(AdvisedKind.ContinuedSft, "continued SFT", .4 + gain, .3 + gain, gain, .01, gain));
        }
        (AdviceAction action, string? reference, double expected) = MiniTransformer.Lab.Advice.Decide(references, continued, .01);
        return new Advice(action, reference, expected, AdviceScore.Accuracy, 400, .01, continued is null ? 0 : 50, policies);
    }

    /// <summary>Planted errors with the main reference and the half-way one.</summary>
    internal static PlantedErrorResult Planted(string main, double auc, ulong seed)
    {
        ScoreLocalisation Score(CreditScore score, string? reference, double at) =>
            new(score, reference, at - .1, at - .15, at - .05, at, at - .02, at + .02);
        return new PlantedErrorResult(seed, 200, 3, 5.6, .18,
        [
            Score(CreditScore.RHat, main, auc), Score(CreditScore.RHatSize, main, auc - .05), Score(CreditScore.RHat, "50%", auc - .2),
            Score(CreditScore.RHatSize, "50%", auc - .1),
            Score(CreditScore.RQ, null, auc - .15), Score(CreditScore.LogPolicy, null, auc + .03),
        ]);
    }

    private static WorldFacts Facts(Regime regime, ulong seed)
    {
        IReadOnlyList<string> names = World.ReferencesOf(regime);
        double Noise(int i) => new Rng(seed, NamedSeed.Of(regime.Name, (ulong)i)).NextNormal();
        double gain = regime.Name switch { "base-to-better" => .2, "lazyshift" or "base-to-good" => .1, _ => -.04 };
        return new WorldFacts(
            regime.Name, seed,
            [.. names.Select((name, i) =>
                new PositionRewards(name,
                    [.. Enumerable.Range(0, regime.Dpr.MaxTokens - 1)
                        .Select(t => (.5 - .08 * i) * Math.Exp(-.3 * t) + .04 * Noise(i * 100 + t))]))],
            Advice(.02 + .01 * Noise(1), [.. names.Select((name, i) => (name, gain * (1 - .3 * i) + .03 * Noise(i + 2)))]),
            Planted(regime.MainReference, .93 + .01 * Noise(3), seed));
    }

    private static IEnumerable<ulong> Seeds(ulong first, int count) => Enumerable.Range(0, count).Select(i => first + (ulong)i);

    private static MethodResult Cell(Regime regime, Method method, ulong seed)
    {
        // The direction from reference to π_SFT is right where demonstrations are poor, and of no use where they are clean.
        double direction = regime.Name switch
        {
            "base-to-better" => 1,
            "base-to-good" or "lazyshift" => .6,
            "noisy" or "shift" => .15,
            _ =>
            -.15
        };
        double start = regime.Name switch
        {
            "base-to-better" => .38,
            "base-to-good" => .65,
            "base-to-curated" => .8,
            "lazyshift" =>
            .15,
            "noisy" => .78,
            _ => .6
        };
        double late = method.Reference is "50%" or "75%" ? -.6 : method.Reference is "25%" ? .3 : 1;
        double setting = method.Knob switch
        {
            "α" => method.Value!.Value,
            "β" => 1 / method.Value!.Value,
            "rate ×" =>
            .1 * method.Value!.Value,
            _ => 1
        };
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
        return new MethodResult
        {
            Regime = regime.Name,
            Seed = seed,
            Method = method.Name,
            Role = method.Role,
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
                ? [.. Enumerable.Range(0, 6)
                    .Select(i => new CurvePoint(i * 10, Round(start + gain * i / 5), Round(.8 * (start + gain * i / 5))))]
                : [],
        };
    }
}
