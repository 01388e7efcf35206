using MiniTransformer.Cli.Html;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Lab;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Reports;

/// <summary>Invented results in the shape and size of the demo's, for looking at reports and for testing them.</summary>
internal static class SampleReport
{
    private static readonly string[] Tasks = ["reverse", "next letter", "upper case", "swap pairs"];

    internal static List<MethodResult> Results(int seeds)
    {
        (string Method, double Greedy, double Sampled, double Kl, double Reward, double Entropy)[] methods =
        [
            ("base", .022, .140, 3.1, -4.2, .62), ("SFT", .350, .274, 0, 1.9, .48),
            ("SFT at temperature 0.5", double.NaN, .333, .31, 2.4, .30),
            ("continued SFT", .421, .297, .22, 2.0, .46), ("DPR (reference base)", .688, .496, 1.35, 4.6, .33),
            ("DPR (reference base, floor 0.1)", .730, .599, 1.62, 5.1, .29), ("DPR (reference half-way)", .436, .272, 1.1, 1.2, .35),
        ];
        var results = new List<MethodResult>();
        for (ulong seed = 1; seed <= (ulong)seeds; seed++)
        {
            var shared = new Rng(seed);
            double luck = .03 * shared.NextNormal();
            for (int a = 0; a < methods.Length; a++)
            {
                var rng = new Rng(seed, (ulong)a + 1);
                (string method, double greedy, double sampled, double kl, double reward, double entropy) = methods[a];
                double Round(double x) => Math.Round(Math.Clamp(x + luck + .012 * rng.NextNormal(), 0, 1) * 500) / 500;
                var tasks = Tasks.ToDictionary(task => task, task => new TaskAccuracy(Round(greedy), Round(sampled)));
                results.Add(new MethodResult
                {
                    Regime = "base-to-better",
                    Seed = seed,
                    Method = method,
                    Greedy = Round(greedy),
                    Sampled = Round(sampled),
                    Reward = reward,
                    Kl = kl,
                    Entropy = entropy,
                    Length = 5.6 + .2 * rng.NextNormal(),
                    Ended = .998,
                    Tasks = tasks,
                });
            }
        }

        return results;
    }

    internal static IReadOnlyList<ScoredResponse> Responses()
    {
        (string Prompt, string Wrong, string Right)[] prompts =
        [
            ("rev:abcd=", "abcd", "dcba"), ("nxt:fehc=", "gf", "gfid"), ("upp:ajcbf=", "ajcbf", "AJCBF"), ("swp:abcde=", "abcde", "badce"),
        ];
        var rng = new Rng(11);
        var responses = new List<ScoredResponse>();
        foreach ((string prompt, string wrong, string right) in prompts)
        {
            responses.Add(Scored(prompt, wrong, false, "SFT", rng, -1.8));
            responses.Add(Scored(prompt, right, true, "DPR (reference base)", rng, 1.6));
        }

        responses.Add(Scored("say <script>alert('x & y')</script>", "a b\n\t", null, "your own data", rng, 0));
        return responses;
    }

    private static ScoredResponse Scored(string prompt, string answer, bool? correct, string label, Rng rng, double drift)
    {
        var tokens = new List<ScoredToken>();
        foreach (char c in answer + "\0")
        {
            double logProb = -Math.Abs(.8 * rng.NextNormal()), reference = logProb - drift - 1.2 * rng.NextNormal();
            reference = Math.Min(reference, -.001);
            string text = c == '\0' ? "<end>" : c.ToString();
            tokens.Add(new ScoredToken(c == '\0' ? 257 : c, text, logProb, logProb + .4 * rng.NextNormal(), 8, [reference]));
        }

        return new ScoredResponse(prompt, tokens, correct, label, ["base"]);
    }

    internal static Chart LossChart()
    {
        double[] x = [.. Enumerable.Range(1, 2400).Select(step => (double)step)];
        var rng = new Rng(3);
        double[] y = [.. x.Select(step => .62 + 2.4 * Math.Exp(-step / 260) + .05 * rng.NextNormal())];
        double[] held = [.. Enumerable.Range(0, 25).Select(i => .66 + 2.4 * Math.Exp(-i * 100 / 260.0))];
        return new Chart("SFT loss", "step (64 examples each)", "loss (nats a token)",
        [
            new ChartSeries("training", x, y),
            new ChartSeries("held out", [.. Enumerable.Range(0, 25).Select(i => i * 100.0)], held),
        ]);
    }

    internal static Chart AccuracyChart()
    {
        double[] x = [.. Enumerable.Range(0, 11).Select(i => i * 5.0)];
        ChartSeries Line(string name, double from, double to, double width)
        {
            double[] y = [.. x.Select(u => from + (to - from) * (1 - Math.Exp(-u / 14)))];
            return new ChartSeries(name, x, y, [.. y.Select(v => v - width)], [.. y.Select(v => v + width)]);
        }

        return new Chart("Greedy accuracy on validation prompts", "DPR update (192 prompts each)", "exact match (fraction)",
        [
            Line("DPR (reference base)", .35, .70, .05), Line("DPR (reference base, floor 0.1)", .35, .74, .055),
            Line("DPR (reference half-way)", .35, .43, .04), Line("continued SFT", .35, .42, .03),
            Line("log π_SFT as reward", .35, .07, .02), Line("sentence-level reward", .35, .67, .06), Line("γ = 0", .35, .64, .05),
        ])
        { YMinimum = 0, YMaximum = 1 };
    }

    internal static Chart RewardChart()
    {
        double[] x = [.. Enumerable.Range(0, 51).Select(i => (double)i)];
        var rng = new Rng(9);
        return new Chart("Reward and KL in DPR", "update (192 prompts each)", "nats a response",
        [
            new ChartSeries("reward Σ r̂", x, [.. x.Select(u => 4.8 - 3 * Math.Exp(-u / 12) + .15 * rng.NextNormal())]),
            new ChartSeries("KL(π‖π_SFT)", x, [.. x.Select(u => 1.4 * (1 - Math.Exp(-u / 15)) + .03 * rng.NextNormal())]),
        ]);
    }

    internal static HtmlReport Report(int seeds)
    {
        var comparison = new Comparison(Results(seeds), "SFT", "continued SFT");
        return new HtmlReport(
                "MiniTransformer: base-to-better",
                "A base model was pretrained on mostly lazy answers, then fine-tuned (SFT) on 3000 demonstrations of which 40% are good. "
                + "The reward r̂ = log π_SFT − log π_base was recovered from the two, and Dense-Path REINFORCE (DPR) improved the policy "
                + "with it. "
                + "All accuracies are on 500 held-out prompts.\n\nThis regime was chosen because it shows the mechanism; it is not a "
                + "typical case.")
            .Section("What came out").Comparison(comparison)
            .Section("Learning curves").Chart(LossChart(), "Each point is a mean of neighbouring steps.")
            .Chart(AccuracyChart(), "Bands are 95% intervals over seeds.").Chart(RewardChart())
            .Section("Where the reward is")
            .Paragraph("Held-out prompts with two answers each. Blue tokens were learned from the demonstrations, orange ones unlearned.")
            .Heatmap(Responses())
            .Section("Configuration")
            .Code("{\n  \"regime\": \"base-to-better\",\n  \"seeds\": [1, 2, 3, 4, 5],\n  \"updates\": 50,\n  \"beta\": 1\n}")
            .Section("Machine and time")
            .Facts([("command", "demo --seeds 5"), ("machine", "2 cores, AVX2"), ("runtime", ".NET 10.0.1"), ("time", "4 min 12 s"),
                ("memory", "312 MB at most")]);
    }
}
