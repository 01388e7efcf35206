using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class TrainingCommandTests
{
    [Fact]
    public void Sft_then_dpr_leave_runs_that_can_be_evaluated_and_read()
    {
        using var folder = new TemporaryFolder();
        string sft = folder["sft"], dpr = folder["dpr"];
        CliResult trained = Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "6", "--keep-at", "0.3,0.5", "--out", sft]);
        Assert.Contains("random weights", trained.Out, StringComparison.Ordinal);
        string[] checkpoints = ["base", "final", "fraction-0.30", "fraction-0.50", "last"];
        Assert.Equal(checkpoints, Directory.GetDirectories(Path.Combine(sft, "checkpoints")).Select(Path.GetFileName)
            .Order(StringComparer.Ordinal));
        Assert.Equal(6, Cli.MetricsOf(sft).Length);
        Assert.Contains("<svg", File.ReadAllText(Path.Combine(sft, "report.html")), StringComparison.Ordinal);

        Cli.Done("dpr", "--run", sft, "--updates", "2", "--prompts-per-update", "8", "--reference", "0.3", "--floor", "0.1", "--out", dpr,
            "--threads", "1");
        Assert.NotEqual(Cli.WeightsOf(sft), Cli.WeightsOf(dpr));
        JsonElement evaluated = Cli.Done("eval", "--run", dpr, "--json").Json.Single();
        Assert.Equal(500, evaluated.GetProperty("prompts").GetInt32());
        Assert.Equal(["reverse", "sort"], evaluated.GetProperty("greedy").GetProperty("perTask").EnumerateObject().Select(p => p.Name));
        Assert.True(evaluated.GetProperty("klToSft").GetDouble() > 0);
        Assert.Equal(
            ["base", "fraction-0.30", "fraction-0.50", "final"],
            Cli.Done("eval", "--run", sft, "--checkpoint", "all", "--json").Json.Select(line => line.GetProperty("policy").GetString()));
    }

    [Fact]
    public void Sft_stopped_again_and_again_and_resumed_ends_with_the_same_weights_and_metrics()
    {
        using var folder = new TemporaryFolder();
        string[] run = ["sft", .. Cli.Tiny, "--steps", "200", "--evaluate-every", "50", "--micro-batch", "6"];
        string whole = folder["whole"], pieces = folder["pieces"];
        Cli.Done([.. run, "--out", whole]);
        CliResult first = Cli.RunStopped(() => Cli.LinesOfMetrics(pieces) >= 3, [.. run, "--out", pieces]);
        Assert.Equal(ExitCode.Interrupted, first.Code);
        Assert.Contains($"sft --out {pieces} --resume", first.Error, StringComparison.Ordinal);
        // 51 updates and two points of the curve: after the checkpoint that is saved before the point at 50
        foreach (int lines in new[] { 40, 53, 100 })
            Assert.Equal(ExitCode.Interrupted,
                Cli.RunStopped(() => Cli.LinesOfMetrics(pieces) >= lines, "sft", "--out", pieces, "--resume").Code);
        Cli.Done("sft", "--out", pieces, "--resume", "--threads", "2");
        Assert.Equal(Cli.WeightsOf(whole), Cli.WeightsOf(pieces));
        Assert.Equal(Cli.WeightsOf(whole, "fraction-0.50"), Cli.WeightsOf(pieces, "fraction-0.50"));
        Assert.Equal(Cli.MetricsOf(whole), Cli.MetricsOf(pieces));
    }

    [Fact]
    public void A_point_of_the_curve_that_a_stop_prevented_is_measured_at_the_resume()
    {
        using var folder = new TemporaryFolder();
        string[] run = ["sft", .. Cli.Tiny, "--steps", "6", "--evaluate-every", "3"];
        string whole = folder["whole"], pieces = folder["pieces"];
        Cli.Done([.. run, "--out", whole]);

        // Three updates and the point before the first; the measurement after the third takes long enough to be struck, or nearly always.
        CliResult stopped = Cli.RunStopped(() =>
            File.Exists(Path.Combine(pieces, "checkpoints", "last", "trainer.json")), [.. run, "--out", pieces]);
        Assert.Equal(ExitCode.Interrupted, stopped.Code);
        Cli.Done("sft", "--out", pieces, "--resume");
        Assert.Equal(Cli.MetricsOf(whole), Cli.MetricsOf(pieces));
    }

    [Fact]
    public void Dpr_stopped_again_and_again_and_resumed_ends_with_the_same_weights_and_metrics()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "3", "--out", folder["sft"]]);
        string[] run = ["dpr", "--run", folder["sft"], "--updates", "40", "--prompts-per-update", "8", "--reference", "base", "--kl", "k1",
            "--lr", "1e-4", "--threads", "1"];
        string whole = folder["whole"], pieces = folder["pieces"];
        Cli.Done([.. run, "--out", whole]);
        Assert.Equal(ExitCode.Interrupted, Cli.RunStopped(() => Cli.LinesOfMetrics(pieces) >= 2, [.. run, "--out", pieces]).Code);
        foreach (int lines in new[] { 12, 25 })
            Assert.Equal(ExitCode.Interrupted,
                Cli.RunStopped(() => Cli.LinesOfMetrics(pieces) >= lines, "dpr", "--out", pieces, "--resume").Code);
        Cli.Done("dpr", "--out", pieces, "--resume");
        Assert.Equal(Cli.WeightsOf(whole), Cli.WeightsOf(pieces));
        Assert.Equal(Cli.MetricsOf(whole), Cli.MetricsOf(pieces));
    }

    [Fact]
    public void Dpr_takes_several_references_a_clip_and_a_second_KL()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "6", "--keep-at", "0.3,0.5", "--out", folder["sft"]]);
        string[] run = ["dpr", "--run", folder["sft"], "--updates", "2", "--prompts-per-update", "8", "--threads", "1", .. Cli.NoCurve];
        Cli.Done([.. run, "--reference", "base", "--out", folder["plain"]]);
        CliResult ensemble = Cli.Done([.. run, "--reference", $"base,0.3,{folder["sft"]}/checkpoints/fraction-0.50", "--out",
            folder["ensemble"]]);
        foreach (string name in (string[])["reference (base)", "reference (0.3)", "reference (fraction-0.50)"])
        {
            Assert.Contains(name, ensemble.Out, StringComparison.Ordinal);
        }
        Cli.Done([.. run, "--reference", "base", "--clip", "0.01", "--out", folder["clip"]]);
        Cli.Done([.. run, "--reference", "base", "--beta-ref", "0.5", "--out", folder["dual"]]);
        Assert.Equal(4, ((string[])["plain", "ensemble", "clip", "dual"]).Select(name => Cli.WeightsOf(folder[name])).Distinct().Count());

        // The saved configuration names them too: the run can be evaluated and repeated.
        Assert.True(double.IsFinite(Cli.Done("eval", "--run", folder["ensemble"], "--json").Json.Single().GetProperty("klToSft")
            .GetDouble()));
        Cli.Done("dpr", "--config", Path.Combine(folder["ensemble"], "run.json"), "--out", folder["again"]);
        Assert.Equal(Cli.WeightsOf(folder["ensemble"]), Cli.WeightsOf(folder["again"]));

        foreach ((string message, string[] wrong) in new (string, string[])[]
        {
            ("'half' and '0.5' are the same model", ["--reference", "half,0.5"]),
            ("--reference names none", ["--reference", ","]),
            ("has no checkpoint 'fraction-0.25'", ["--reference", "base,0.25"]),
            ("log π_SFT as reward does not look at them", ["--reference", "base,half", "--reward", "log-policy"]),
            ("--beta-ref does not go with --reward log-policy", ["--reward", "log-policy", "--beta-ref", "1"]),
        })
        {
            CliResult refused = Cli.Run([.. run, "--out", folder["x"], .. wrong]);
            Assert.Equal(ExitCode.BadUsage, refused.Code);
            Assert.Contains(message, refused.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_resumed_run_keeps_its_settings()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "3", "--out", folder["a"]]);
        CliResult other = Cli.Run("sft", "--out", folder["a"], "--resume", "--lr", "0.5");
        Assert.Equal(ExitCode.BadUsage, other.Code);
        Assert.Contains("--lr 0.5 is not what the run began with (0.002)", other.Error, StringComparison.Ordinal);
        CliResult again = Cli.Run(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "3", "--out", folder["a"]]);
        Assert.Contains("holds a run already", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_that_contradict_each_other_or_the_run_are_refused()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "3", "--out", folder["sft"]]);
        string last = folder["sft/checkpoints/last"], state = Path.Combine(last, "trainer.json"), whole = File.ReadAllText(state);
        foreach ((string field, string other) in new[] { ("\"updates\": 3", "\"updates\": 2"), ("\"epoch\": 0", "\"epoch\": 1"),
            ("\"step\": 3", "\"step\": 4"), ("\"stream\": 0", "\"stream\": 1") })
        {
            Assert.Contains(field, whole, StringComparison.Ordinal);
            File.WriteAllText(state, whole.Replace(field, other, StringComparison.Ordinal));
            MiniTransformer.IO.Checksums.Write(last); // not a flipped bit, but somebody's hand
            CliResult result = Cli.Run("sft", "--out", folder["sft"], "--resume");
            Assert.Equal(ExitCode.Failed, result.Code);
            Assert.Contains("counters contradict each other", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_resumed_run_goes_on_and_not_back()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--out", folder["sft"]]);
        Cli.Done(["dpr", "--run", folder["sft"], "--reference", "base", "--updates", "4", "--prompts-per-update", "4", "--threads", "1",
            .. Cli.NoCurve, "--out", folder["dpr"]]);
        string weights = Cli.WeightsOf(folder["dpr"]);
        CliResult result = Cli.Run("dpr", "--out", folder["dpr"], "--resume", "--updates", "3");
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains("the run has made 4 updates already, and 3 are asked for", result.Error, StringComparison.Ordinal);
        Assert.Contains("\"updates\": 4", File.ReadAllText(folder["dpr/run.json"]), StringComparison.Ordinal);
        Cli.Done("dpr", "--out", folder["dpr"], "--resume", "--updates", "5");
        Assert.NotEqual(weights, Cli.WeightsOf(folder["dpr"]));
    }

    [Fact]
    public void The_saved_configuration_repeats_the_run()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--keep-at", "none", "--seed", "7", "--out", folder["a"]]);
        Cli.Done("sft", "--config", Path.Combine(folder["a"], "run.json"), "--out", folder["b"], "--threads", "2");
        Assert.Equal(Cli.WeightsOf(folder["a"]), Cli.WeightsOf(folder["b"]));
        Cli.Done("sft", "--config", Path.Combine(folder["a"], "run.json"), "--seed", "8", "--out", folder["c"]);
        Assert.NotEqual(Cli.WeightsOf(folder["a"]), Cli.WeightsOf(folder["c"]));
    }

    [Fact]
    public void Own_data_needs_no_class()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["own.jsonl"], Enumerable.Range(0, 20)
            .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{i % 3}}"}"""));
        string[] small = ["--hidden", "16", "--layers", "1", "--heads", "2", "--batch", "8", "--threads", "1"];
        Cli.Done(["sft", "--data", folder["own.jsonl"], "--steps", "4", "--held-out", "0.25", "--out", folder["sft"], .. small]);
        JsonElement evaluated = Cli.Done("eval", "--run", folder["sft"], "--json").Json.Single();
        Assert.Equal(5, evaluated.GetProperty("prompts").GetInt32()); // a quarter of 20 prompts
        Assert.True(evaluated.GetProperty("logLikelihood").GetProperty("perToken").GetDouble() < 0);
        Cli.Done("dpr", "--run", folder["sft"], "--updates", "1", "--prompts-per-update", "4", "--out", folder["dpr"]);
        Assert.Equal(5, Cli.Done("eval", "--run", folder["dpr"], "--json").Json.Single().GetProperty("prompts").GetInt32());

        File.AppendAllText(folder["own.jsonl"], """{"prompt": "more", "completion": "x"}""");
        CliResult changed = Cli.Run("dpr", "--run", folder["sft"], "--out", folder["other"]);
        Assert.Equal(ExitCode.Failed, changed.Code);
        Assert.Contains("has changed since the run began", changed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_starts_from_another_runs_final_checkpoint()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--out", folder["base"]]);
        Cli.Done("sft", "--base", folder["base"], "--task", "reverse", "--demonstrations", "32", "--steps", "1", "--good", "0.4", "--out",
            folder["better"]);
        Assert.Equal(Cli.WeightsOf(folder["base"]), Cli.WeightsOf(folder["better"], "base"));
        CliResult sized = Cli.Run("sft", "--base", folder["base"], "--task", "reverse", "--layers", "3", "--out", folder["x"]);
        Assert.Contains("--layers does not go with --base", sized.Error, StringComparison.Ordinal);
        CliResult missing = Cli.Run("dpr", "--run", folder["better"], "--reference", "0.25", "--out", folder["x"]);
        Assert.Equal(ExitCode.BadUsage, missing.Code);
        Assert.Contains("has no checkpoint 'fraction-0.25'", missing.Error, StringComparison.Ordinal);
    }
}
