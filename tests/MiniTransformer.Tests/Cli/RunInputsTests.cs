using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class RunInputsTests
{
    private static readonly string[] Small = ["--batch", "8", "--threads", "1", "--evaluate-every", "0"];
    private static readonly string[] Fast = ["--threads", "1", "--evaluate-every", "0", "--prompts-per-update", "4"];

    [Fact]
    public void A_project_that_has_moved_resumes_and_is_evaluated_to_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        string old = folder["old"], now = folder["now/deeper"];
        Project(old);
        Cli.Done(Sft(old, "whole"));
        Cli.Done(Dpr(old, "whole", "dpr-whole"));
        Begin(Path.Combine(old, "pieces"), Sft(old, "pieces"));
        Begin(Path.Combine(old, "dpr-pieces"), Dpr(old, "whole", "dpr-pieces"));
        Directory.CreateDirectory(folder["now"]);
        Directory.Move(old, now);
        File.WriteAllText(folder["trap"], "");
        Directory.CreateDirectory(old); // and something else is where it was
        File.WriteAllText(Path.Combine(old, "own.jsonl"), """{"prompt": "other", "completion": "x"}""");

        Cli.Done("sft", "--out", Path.Combine(now, "pieces"), "--resume");
        Cli.Done("dpr", "--out", Path.Combine(now, "dpr-pieces"), "--resume");
        Assert.Equal(Cli.WeightsOf(Path.Combine(now, "whole")), Cli.WeightsOf(Path.Combine(now, "pieces")));
        Assert.Equal(Cli.WeightsOf(Path.Combine(now, "dpr-whole")), Cli.WeightsOf(Path.Combine(now, "dpr-pieces")));
        foreach (string run in (string[])["whole", "pieces", "dpr-whole", "dpr-pieces"])
            Assert.Equal(5, Cli.Done("eval", "--run", Path.Combine(now, run), "--json").Json.Single().GetProperty("prompts").GetInt32());
        Cli.Done("advise", "--run", Path.Combine(now, "whole"), "--continued-steps", "0", "--references", "base");
        Cli.Done("credit", "--run", Path.Combine(now, "whole"), "--plant", "--reference", "base", "--prompts", "3");
    }

    [Fact]
    public void An_input_with_another_content_is_refused_by_name_and_an_equal_one_is_taken_wherever_it_is()
    {
        using var folder = new TemporaryFolder();
        string project = folder["project"];
        Project(project);
        Cli.Done(Sft(project, "sft"));
        Cli.Done(Dpr(project, "sft", "dpr"));
        string data = Path.Combine(project, "own.jsonl"), prompts = Path.Combine(project, "prompts.jsonl"),
            sft = Path.Combine(project, "sft"), dpr = Path.Combine(project, "dpr");

        Changed(data, "the data (--data)", ["sft", "--out", sft, "--resume"], ["dpr", "--out", dpr, "--resume"], ["eval", "--run", dpr],
            ["advise", "--run", sft]);
        Changed(prompts, "the prompts (--prompts)", ["dpr", "--out", dpr, "--resume"]);
        string final = "checkpoints/final/model.safetensors";
        Changed(Path.Combine(project, "base", final), "the base (--base)", ["sft", "--out", sft, "--resume"]);
        Changed(Path.Combine(sft, final), "the SFT run (--run)", ["dpr", "--out", dpr, "--resume"], ["eval", "--run", dpr]);
        Changed(Path.Combine(sft, "checkpoints/base/model.safetensors"), "the reference base (--reference)",
            ["dpr", "--out", dpr, "--resume"], ["eval", "--run", dpr]);

        File.Move(data, folder["moved.jsonl"]);
        Assert.Contains("There is no", Cli.Run("sft", "--out", sft, "--resume").Error, StringComparison.Ordinal);
        Cli.Done("sft", "--out", sft, "--resume", "--data", folder["moved.jsonl"]);
        Cli.Done("sft", "--out", sft, "--resume"); // it is recorded there now
        Cli.Done("eval", "--run", sft);
        File.WriteAllText(folder["other.jsonl"], """{"prompt": "a", "completion": "b"}""");
        CliResult other = Cli.Run("sft", "--out", sft, "--resume", "--data", folder["other.jsonl"]);
        Assert.Equal(ExitCode.Failed, other.Code);
        Assert.Contains("other.jsonl', the data (--data), has changed since the run began", other.Error, StringComparison.Ordinal);
        Assert.Contains("the run began without it", Cli.Run("dpr", "--out", Bare(project, sft), "--resume", "--prompts", prompts).Error,
            StringComparison.Ordinal);

        static void Changed(string file, string what, params string[][] commands)
        {
            byte[] good = File.ReadAllBytes(file);
            string sums = Path.Combine(Path.GetDirectoryName(file)!, "SHA256SUMS"), aside = sums + ".aside";
            bool model = File.Exists(sums); // changed by somebody's hand, and not a flipped bit
            if (model) File.Move(sums, aside);
            byte[] changed = [.. good];
            changed[^3] ^= 1; // the last digit of the last line, or a low bit of the last weight
            File.WriteAllBytes(file, changed);
            foreach (string[] command in commands)
            {
                string run = Path.Combine(command[2], "run.json"), before = File.ReadAllText(run);
                CliResult result = Cli.Run(command);
                Assert.Equal(ExitCode.Failed, result.Code);
                Assert.Contains($"{what}, has changed since the run began", result.Error, StringComparison.Ordinal);
                Assert.Equal(before, File.ReadAllText(run));
            }

            File.WriteAllBytes(file, good);
            if (model) File.Move(aside, sums);
        }
    }

    [Fact]
    public void A_configuration_that_says_resume_is_checked_like_the_command_line()
    {
        using var folder = new TemporaryFolder();
        Begin(folder["sft"], ["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "40", "--out", folder["sft"]]);
        string settings = folder["settings.json"];
        Write("0.5");
        CliResult refused = Cli.Run("sft", "--config", settings);
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("--lr 0.5 is not what the run began with (0.002)", refused.Error, StringComparison.Ordinal);
        Write("0.002");
        Assert.Contains("Resumed after update", Cli.Done("sft", "--config", settings).Error, StringComparison.Ordinal);
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "40", "--out", folder["whole"]]);
        Assert.Equal(Cli.WeightsOf(folder["whole"]), Cli.WeightsOf(folder["sft"]));

        void Write(string lr) =>
            File.WriteAllText(settings, $$"""{"resume": true, "lr": {{lr}}, "out": {{JsonSerializer.Serialize(folder["sft"])}}}""");
    }

    [Fact]
    public void A_run_of_an_earlier_version_resumes()
    {
        using var folder = new TemporaryFolder();
        Project(folder["p"]);
        Cli.Done(Sft(folder["p"], "whole"));
        Begin(folder["p/old"], Sft(folder["p"], "old"));
        string run = folder["p/old"];
        foreach (string file in Directory.GetFiles(run, "SHA256SUMS", SearchOption.AllDirectories)
            .Append(Path.Combine(run, "metrics.sha256")))
        {
            File.Delete(file);
        }
        string path = Path.Combine(run, "run.json");
        string[] old = [.. File.ReadAllLines(path)
            .Where(line => !line.Contains("ha256\"", StringComparison.Ordinal) && !line.Contains("\"folder\"", StringComparison.Ordinal))];
        old[^2] = old[^2].TrimEnd(',');
        File.WriteAllLines(path, old);
        Cli.Done("sft", "--out", run, "--resume");
        Assert.Equal(Cli.WeightsOf(folder["p/whole"]), Cli.WeightsOf(run));
        Cli.Done("eval", "--run", run);
    }

    // Begins a run and stops it after an update or so; on a slow machine it may come to its end, and is resumed all the same.
    private static void Begin(string run, string[] command) => Cli.RunStopped(() => Cli.LinesOfMetrics(run) >= 1, command);

    // A base of letters, own data with prompts, and room for runs.
    private static void Project(string path)
    {
        Directory.CreateDirectory(path);
        File.WriteAllLines(Path.Combine(path, "own.jsonl"), Enumerable.Range(0, 20)
            .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{i % 3}}"}"""));
        File.WriteAllLines(Path.Combine(path, "prompts.jsonl"), Enumerable.Range(30, 6).Select(i => $$"""{"prompt": "say {{i}}: "}"""));
        File.WriteAllLines(Path.Combine(path, "earlier.jsonl"), Enumerable.Range(40, 8)
            .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{i % 3}}"}"""));
        Cli.Done(["sft", "--data", Path.Combine(path, "earlier.jsonl"), "--steps", "1", "--held-out", "0", "--hidden", "8", "--layers",
            "1", "--heads", "1", "--out", Path.Combine(path, "base"), .. Small]);
    }

    private static string[] Sft(string path, string name) =>
        ["sft", "--base", Path.Combine(path, "base"), "--data", Path.Combine(path, "own.jsonl"), "--held-out", "0.25", "--steps", "40",
            "--lr", "0.01", "--out", Path.Combine(path, name), .. Small];

    private static string[] Dpr(string path, string sft, string name) =>
    [
        "dpr", "--run", Path.Combine(path, sft), "--prompts", Path.Combine(path, "prompts.jsonl"), "--reference",
        $"base,{Path.Combine(path, "base")}/checkpoints/base", "--updates", "8",
        "--out", Path.Combine(path, name), .. Fast,
    ];

    private static string Bare(string path, string sft)
    {
        Cli.Done(["dpr", "--run", sft, "--reference", "base", "--updates", "1", "--out", Path.Combine(path, "bare"), .. Fast]);
        return Path.Combine(path, "bare");
    }
}
