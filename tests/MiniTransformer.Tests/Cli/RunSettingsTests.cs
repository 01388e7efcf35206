using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using MiniTransformer.Cli.Commands;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Judges;
using MiniTransformer.Lab;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

public sealed class RunSettingsTests
{
    public static TheoryData<string> Commands => ["sft", "dpr", "compare", "demo", "credit"];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_flag_that_is_saved_is_a_property_of_the_run_and_nothing_else_is_but_what_is_known_of_it(string name)
    {
        (CliCommand command, Type run, string[] known) = name switch
        {
            "sft" => (SftCommand.Create(), typeof(SftRun), new[] { "dataSha256", "baseSha256", "evalDataSha256" }),
            "dpr" =>
                (DprCommand.Create(), typeof(DprRun), ["sft", "advice", "runSha256", "referenceSha256", "promptsSha256", "evalDataSha256"]),
            "compare" => (CompareCommand.Create(), typeof(ComparisonSettings), ["dataSha256", "baseSha256", "evalDataSha256"]),
            "credit" => (CreditCommand.Create(), typeof(CreditSettings), []),
            _ => (DemoCommand.Create(), typeof(DemoSettings), Array.Empty<string>()),
        };
        string[] flags = [.. command.Command.Options.OfType<IFlag>().Where(flag => flag.Saved).Select(flag => flag.Key)];
        string[] properties = [.. run.GetProperties().Where(p => p.CanWrite)
            .Select(p => p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.KebabCaseLower.ConvertName(p.Name))];
        Assert.Equal(flags.Concat(known).Concat(["command", "folder"]).Order(StringComparer.Ordinal),
            properties.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_a_run_saves_is_what_is_read_again()
    {
        using var folder = new TemporaryFolder();
        string[] flags =
        [
            "--objective", "inverse-q-chi2", "--gamma", "0.9", "--alpha", "3", "--lr", "0.001", "--final-fraction", "0.5",
            "--max-grad-norm", "2", "--warmup", "1",
            "--in-order", "--keep-at", "none", "--seed", "18446744073709551615", "--steps", "1",
        ];
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, .. flags, "--out", folder["sft"]]);
        SftRun run = RunSettings.Read<SftRun>(folder["sft"]);
        Assert.Equal(SealedJson.Read(folder["sft/run.json"]).ToJsonString(), run.ToJson().ToJsonString());
        SftOptions options = run.Options();
        Assert.Equal(new Objective(ObjectiveKind.InverseQChi2, .9, 3), options.Objective);
        Assert.Equal((1, 16, .001, 1, .5, 2f, false, ulong.MaxValue, 0),
            (options.Steps, options.BatchSize, options.LearningRate, options.WarmupSteps,
            options.FinalFraction, options.Optimizer.ClipNorm, options.Shuffle, options.Seed, options.KeepAt.Count));
    }

    [Fact]
    public void Every_setting_of_DPR_reaches_its_option()
    {
        var run = new DprRun
        {
            Updates = 2,
            PromptsPerUpdate = 3,
            MicroBatch = 17,
            Lr = .004,
            Warmup = 5,
            Temperature = .6,
            Gamma = .7,
            SentenceLevel = true,
            NoBaseline = true,
            NoWhiten = true,
            Beta = 8,
            BetaRef = 9,
            Kl = "k3",
            EntropyBonus = .1,
            MaxGradNorm = 11,
            Seed = 12,
            CollapseKl = 13,
            Reward = "log-policy",
            Floor = .14,
            Centred = true,
            Clip = 15,
        };
        DprOptions o = run.Options(16, Vocabulary.Of(new ByteTokenizer()));
        Assert.Equal((2, 3, .004, 5, .6f, .7, true),
            (o.Updates, o.PromptsPerUpdate, o.LearningRate, o.WarmupUpdates, o.Temperature, o.Gamma, o.SentenceLevel));
        Assert.Equal((Baseline.None, false, 8.0, 9.0, KlForm.K3, .1),
            (o.Baseline, o.Whiten, o.Beta, o.ReferenceBeta, o.KlForm, o.EntropyBonus));
        Assert.Equal((11f, 12UL, 13.0, 16, 17), (o.Optimizer.ClipNorm, o.Seed, o.CollapseKl, o.MaxTokens, o.MicroBatchSize));
        Assert.Equal(new RewardOptions { Kind = RewardKind.LogPolicy, Floor = .14, Centred = true, Clip = 15 }, run.RewardOptions);
        DprOptions plain = new DprRun().Options(16, Vocabulary.Of(new ByteTokenizer()));
        Assert.Equal((Baseline.PositionMean, true, KlForm.Exact), (plain.Baseline, plain.Whiten, plain.KlForm));
        Assert.Equal(KlForm.K1InReward, (run with { Kl = "k1" }).Options(16, Vocabulary.Of(new ByteTokenizer())).KlForm);
    }

    [Fact]
    public void Another_seed_draws_other_responses_to_evaluate()
    {
        Vocabulary vocabulary = Vocabulary.Of(new ByteTokenizer());
        RunData data = new DataSource("upper", null, 1, 20, 0, 1).Load(vocabulary);
        foreach (ulong seed in new ulong[] { 1, 2 })
        {
            Assert.Equal(NamedSeed.Of("evaluation", seed), new RunEvaluation(data, vocabulary, seed).Sampling.Seed);
        }
    }

    [Fact]
    public void Kept_results_of_own_data_belong_to_all_that_changes_them()
    {
        var examples = Demonstrations.FromExamples(Enumerable.Range(0, 40)
            .Select(i => Example.FromText($"{i}: ", $"{i}", new ByteTokenizer())));
        Regime own = Regimes.OfOwn(OwnData.Split("own", examples, new NumericJudge(), .25, .25, 1), null), task = Regimes.All[0];
        var run = new ComparisonSettings { Command = "compare", Data = ["own.jsonl"], DataSha256 = ["ab"] };
        ComparisonSettings[] others =
        [
            run with { Seed = 2 }, run with { Verify = "numeric" }, run with { Validation = .2 }, run with { HeldOut = .2 },
            run with { InOrder = true }, run with { DataSha256 = ["cd"] },
            run with { BaseSha256 = "ef" }, run with { EvalDataSha256 = "01" }, run with { Smoke = true },
        ];
        Assert.Equal(others.Length + 1, others.Append(run).Select(r => r.Belonging(own)).Distinct().Count());
        Assert.Equal(2, others.Append(run).Select(r => r.Belonging(task)).Distinct().Count()); // of a built-in regime only --smoke does
        Assert.Equal(run.Belonging(own), (run with { Seeds = 9, SweepSeeds = 7 }).Belonging(own));
    }

    [Fact]
    public void A_setting_that_is_none_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--out", folder["sft"]]);
        string path = folder["sft/run.json"];
        File.WriteAllText(path, SealedJson.Read(path).ToJsonString()
            .Replace("\"final-fraction\"", "\"final-fractoin\"", StringComparison.Ordinal));
        CliResult result = Cli.Run("eval", "--run", folder["sft"]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("final-fractoin", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", result.Error, StringComparison.Ordinal);
    }

    [PosixFact]
    public void A_resumed_run_starts_no_command_out_of_its_folder_and_says_how_to_name_it_again()
    {
        using var folder = new TemporaryFolder();
        string touched = folder["it's touched"], judge = $"command:touch '{touched.Replace("'", "'\\''", StringComparison.Ordinal)}'; echo "
            + "1";
        File.WriteAllLines(folder["own.jsonl"], Enumerable.Range(0, 20)
            .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{i % 3}}"}"""));
        string[] small = ["--hidden", "8", "--layers", "1", "--heads", "1", "--batch", "8", "--threads", "1", "--evaluate-every", "0"];
        string sft = folder["sft"], dpr = folder["dpr"];
        CliResult stopped = Cli.RunStopped(() =>
            RunDirectory.Exists(sft), ["sft", "--data", folder["own.jsonl"], "--verify", judge, "--steps", "300", "--out", sft, .. small]);
        Refused(stopped, "sft", sft);
        Cli.Done("sft", "--out", sft, "--resume", "--verify", judge);

        stopped = Cli.RunStopped(() =>
            RunDirectory.Exists(dpr), "dpr", "--run", sft, "--verify", judge, "--updates", "100", "--prompts-per-update", "4", "--out",
            dpr, "--threads", "1", "--evaluate-every", "0");
        Refused(stopped, "dpr", dpr);

        // Neither is one of a file of settings.
        CliResult configured = Cli.Run("sft", "--config", Path.Combine(sft, "run.json"), "--out", folder["again"]);
        Assert.Contains("is started only when it is given again", configured.Error, StringComparison.Ordinal);

        void Refused(CliResult interrupted, string command, string run)
        {
            Assert.Equal(ExitCode.Interrupted, interrupted.Code);
            string[] words = Shell(interrupted.Error.Split('\n').Single(line => line.Contains("--resume", StringComparison.Ordinal)));
            Assert.Equal([command, "--out", run, "--resume", "--verify", judge], words[^6..]);
            File.Delete(touched);
            CliResult resumed = Cli.Run(command, "--out", run, "--resume");
            Assert.Equal(ExitCode.BadUsage, resumed.Code);
            Assert.Equal(judge, Shell(resumed.Error[resumed.Error.IndexOf("--verify ", StringComparison.Ordinal)..].TrimEnd('\n', '.'))[1]);
            Assert.False(File.Exists(touched), "the command was started");
        }
    }

    [Fact]
    public void A_value_that_begins_with_an_at_sign_is_a_value()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "1", "--context", "300", "--out", folder["sft"]]);
        File.WriteAllText(folder["secret"], "abc\n");
        JsonElement answered = Cli.Done("generate", "--model", folder["sft"], "--json", "--prompt", "@" + folder["secret"]).Json.Single();
        Assert.Equal("@" + folder["secret"], answered.GetProperty("prompt").GetString());
    }

    // The words that a POSIX shell makes of a line.
    private static string[] Shell(string line)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/bin/sh")
        {
            RedirectStandardOutput = true,
            ArgumentList = { "-c", $"for word in {line.Trim()}; do printf '%s\\0' \"$word\"; done" },
        })!;
        string words = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return words.Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }
}
