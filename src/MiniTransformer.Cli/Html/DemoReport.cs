using MiniTransformer.Cli.Runs;
using MiniTransformer.Cli.Terminals;
using MiniTransformer.Lab;
using Spectre.Console;

namespace MiniTransformer.Cli.Html;

/// <summary>What the demo says at its end, on the screen and in report.html.</summary>
internal sealed class DemoReport(Regime regime, IReadOnlyList<WorldResult> seeds, bool quick)
{
    private readonly string dpr = LabelOf(regime, MethodRole.Dpr), sft = LabelOf(regime, MethodRole.Sft);

    private readonly string cool = LabelOf(regime, MethodRole.CoolSft), continued = LabelOf(regime, MethodRole.ContinuedSft);

    private readonly string[] dprLabels = [.. Methods.OfDemo(regime).Where(m => m.Role is MethodRole.Dpr or MethodRole.FlooredDpr)
        .Select(m => m.Label)];

    // How strong r̂ must be for a strong colour on the screen, in nats.
    private const double Strong = 2;

    private readonly Comparison comparison = new(
        [.. seeds.SelectMany(s => s.Results)], LabelOf(regime, MethodRole.Sft), LabelOf(regime, MethodRole.ContinuedSft));

    /// <summary>Prints tables, verdicts and some responses.</summary>
    public void Print(Terminal terminal)
    {
        terminal.Print(comparison.AccuracyTable());
        terminal.Print("");
        foreach (string baseline in comparison.Baselines)
        {
            terminal.Print(comparison.DifferenceTable(baseline));
            terminal.Print("");
        }

        foreach (Verdict verdict in comparison.Verdicts(dprLabels)) terminal.Print($"- {verdict.Text}");
        terminal.Print("");
        terminal.Print(Conclusion());
        terminal.Print("");
        terminal.Print("Some held-out prompts, the greedy responses of SFT and of DPR, and r̂ = log π_SFT − log π_ref of each token in "
            + "nats:");
        foreach (ScoredResponse response in seeds[0].Responses!.Take(8)) Print(terminal, response);
    }

    /// <summary>The report as HTML.</summary>
    public string ToHtml(string configuration, IEnumerable<(string Name, string Value)> facts)
    {
        var report = new HtmlReport($"MiniTransformer: {regime.Name}", $"{Setting()}\n\n{Conclusion()}")
            .Section("What came out").Comparison(comparison, dprLabels)
            .Section("Learning curves");
        foreach ((Chart chart, string caption) in Charts()) report.Chart(chart, caption);
        return report.Section("Where the reward is")
            .Paragraph($"Held-out prompts with the greedy responses of SFT and of DPR ({With}). Each token is coloured by the reward that "
                + "was recovered from SFT.")
            .Heatmap(seeds[0].Responses!)
            .Section("Configuration").Code(configuration)
            .Section("Machine and time").Facts(facts).ToHtml();
    }

    private string With => regime.HasBase
        ? "with the base as reference"
        : $"with the checkpoint after {regime.MainReference} of SFT as reference";

    private string Setting() =>
        $"Regime {regime.Name}: {regime.Description}. SFT takes the {(regime.HasBase ? "base" : "model")} through "
            + $"{regime.Sizes.Demonstrations} demonstrations; the reward r̂ = log π_SFT − log π_ref is recovered " +
        $"from π_SFT and its reference, and Dense-Path REINFORCE (DPR) improves the policy with it in {regime.Dpr.Updates} updates of "
            + $"{regime.Dpr.PromptsPerUpdate} responses. Continued SFT has as many further sequences. " +
        $"Accuracy is exact match on {regime.Sizes.Evaluation} held-out prompts, "
            + $"{(seeds.Count == 1 ? "one seed" : $"{seeds.Count} seeds")}." +
        (quick ? " This was a reduced run (--quick): its numbers say nothing about the method." : "");

    // In plain words, from the means over seeds.
    private string Conclusion()
    {
        if (quick) return "This was a reduced run (--quick) that shows that everything works; its numbers say nothing about the method.";
        (double greedy, double sampled) overSft = Means(dpr, sft), overContinued = Means(dpr, continued);
        bool beatsSft = overSft is { greedy: > 0, sampled: > 0 }, beatsContinued = overContinued is { greedy: > 0, sampled: > 0 };
        string differences = $"({Signed(overSft.greedy)} greedy and {Signed(overSft.sampled)} sampled against SFT, "
            + $"{Signed(overContinued.greedy)} and {Signed(overContinued.sampled)} against continued SFT)";
        return (beatsSft, beatsContinued) switch
        {
            (true, true) =>
                $"In this regime DPR {With} does better than SFT and than continued SFT {differences}. The regime was chosen because it "
                    + "shows the mechanism; it is not a typical case.",
            (true, false) =>
                $"DPR {With} does better than SFT, but not than the same number of further SFT sequences {differences}: here DPR is not "
                    + "worth its cost.",
            (false, true) => $"DPR {With} does not do better than SFT in every way {differences}.",
            _ =>
                $"DPR {With} is not better than SFT in every way, nor than as much further SFT {differences}: here it is not worth its "
                    + "cost.",
        } + Cooler();
    }

    // Sampling at a lower temperature costs nothing; where it does as much, DPR has sharpened the policy and not improved it.
    private string Cooler()
    {
        double cooled = comparison.Estimate(cool, a => a.Sampled).Mean, trained = comparison.Estimate(dpr, a => a.Sampled).Mean;
        return cooled > trained
            ? $" SFT sampled at temperature 0.5 reaches {Numbers.Fraction(cooled)} without any further training, DPR "
                + $"{Numbers.Fraction(trained)} at temperature 1."
            : "";
    }

    /// <summary>The report's chart of accuracy over further training, as a file of its own.</summary>
    public string AccuracySvg() => Charts().First().Chart.ToSvgFile();

    private (double Greedy, double Sampled) Means(string label, string baseline) =>
        (comparison.Difference(label, baseline, Decoding.Greedy).Estimate.Mean,
            comparison.Difference(label, baseline, Decoding.Sampled).Estimate.Mean);

    private static string LabelOf(Regime regime, MethodRole role) => Methods.OfDemo(regime).First(m => m.Role == role).Label;

    private static string Signed(double value) => Numbers.SignedFraction(value);

    private IEnumerable<(Chart Chart, string Caption)> Charts()
    {
        string band = seeds.Count > 1 ? $"Mean over {seeds.Count} seeds; the band goes from the lowest to the highest." : "One seed.";
        yield return (new Chart("Accuracy with the most probable tokens", "further training, part of the budget", "exact match (fraction)",
            [.. new[] { continued }.Concat(dprLabels).Select(label => Line(label, label, "greedy", relative: true)).OfType<ChartSeries>()])
        { YMinimum = 0 },
            $"On validation prompts, from the SFT policy on; all methods have the same number of sequences. {band}");
        yield return (new Chart("Accuracy with sampled tokens", "further training, part of the budget", "exact match (fraction)",
            [.. new[] { continued }.Concat(dprLabels).Select(label => Line(label, label, "sampled", relative: true)).OfType<ChartSeries>()])
        { YMinimum = 0 }, band);
        yield return (new Chart("Reward in DPR", "update", "Σ r̂ (nats a response)",
            [.. dprLabels.Select(label => Line(label, label, "reward")).OfType<ChartSeries>()]),
            $"Of the responses that each update drew, by the method's own reward. {band}");
        yield return (new Chart("Distance from SFT in DPR", "update", "KL(π‖π_SFT) (nats a response)",
            [.. dprLabels.Select(label => Line(label, label, "kl")).OfType<ChartSeries>()]), band);
        yield return (new Chart("SFT loss", "update", "loss (nats a response token)",
            [.. new[] { Line(sft, sft, "loss") }.OfType<ChartSeries>()]), band);
        if (regime.HasBase)
        {
            yield return (new Chart("Loss of the base's pretraining", "update", "loss (nats a response token)",
                [.. new[] { Line(World.Pretraining, World.Pretraining, "loss") }.OfType<ChartSeries>()]), band);
        }
    }

    private ChartSeries? Line(string name, string stage, string quantity, bool relative = false)
    {
        Curve[] curves = [.. seeds.Select(s => s.Curves!.Find(c => c.Stage == stage && c.Quantity == quantity)).OfType<Curve>()];
        if (curves.Length == 0) return null;
        int n = curves.Min(c => c.Y.Count);
        double end = relative ? Math.Max(1, curves[0].X[n - 1]) : 1;
        double[] At(Func<IEnumerable<double>, double> of) => [.. Enumerable.Range(0, n).Select(i => of(curves.Select(c => c.Y[i])))];
        return new ChartSeries(name, [.. curves[0].X.Take(n).Select(x => x / end)], At(y => y.Average()),
            curves.Length > 1 ? At(y => y.Min()) : null, curves.Length > 1 ? At(y => y.Max()) : null);
    }

    private static void Print(Terminal terminal, ScoredResponse response)
    {
        string mark = response.Correct switch { true => "right", false => "wrong", _ => "" };
        var pieces = new List<(string, Color?)> { ($"  {response.Prompt,-12} {response.Label,-4} {mark,-6}", null) };
        foreach (ScoredToken token in response.Tokens)
        {
            pieces.Add(($" {token.Text} ", ColourOf(token.RHat())));
            pieces.Add((FormattableString.Invariant($"{token.RHat(),-6:+0.0;-0.0;0.0}"), null));
        }

        pieces.Add((FormattableString.Invariant($" Σ {response.Tokens.Sum(t => t.RHat()):+0.0;-0.0;0.0}"), null));
        terminal.PrintColoured(pieces);
    }

    // Blue is rewarded, orange is punished.
    private static Color? ColourOf(double reward) => Math.Abs(reward) < Strong / 8 ? null
        : reward > 0 ? (reward > Strong / 2 ? new Color(90, 170, 230) : new Color(190, 220, 245))
        : reward < -Strong / 2 ? new Color(230, 150, 60) : new Color(250, 215, 170);
}
