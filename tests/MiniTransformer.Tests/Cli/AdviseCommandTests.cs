using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

public sealed class AdviseCommandTests
{
    private static readonly string[] Small = ["--batch", "16", "--threads", "1", "--evaluate-every", "0"];

    [Fact]
    public void A_base_that_the_demonstrations_improve_on_is_chosen_and_recorded()
    {
        using var folder = new TemporaryFolder();
        string sft = BaseToBetter(folder);
        string[] judged = ["--run", sft, "--verify", "regex:^a$"];
        JsonElement advice = Cli.Done(["advise", .. judged, "--json"]).Json.Single();
        Assert.Equal(("RunDpr", "base"), (advice.GetProperty("action").GetString(), advice.GetProperty("reference").GetString()));
        JsonElement[] policies = [.. advice.GetProperty("policies").EnumerateArray()];
        Assert.Equal(["SFT", "base", "half", "continued SFT"], policies.Select(p => p.GetProperty("name").GetString()));

        // SFT says b, four times in ten a; the base never says a: away from the base lies a.
        Assert.Equal(0, policies[0].GetProperty("score").GetDouble());
        Assert.Equal(1, policies[1].GetProperty("score").GetDouble());
        Assert.Contains("dpr --run", advice.GetProperty("nextCommand").GetString(), StringComparison.Ordinal);
        Assert.Contains("--reference base --verify 'regex:^a$'", advice.GetProperty("nextCommand").GetString(), StringComparison.Ordinal);

        // What cannot be written or is named twice is said before anything is computed.
        CliResult taken = Cli.Run(["advise", .. judged, "--out", Path.Combine(sft, "run.json")]);
        Assert.Contains("exists already", taken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("advise:", taken.Error, StringComparison.Ordinal); // no line of progress
        Assert.Contains("names 'half' twice", Cli.Run(["advise", .. judged, "--references", "half,half"]).Error, StringComparison.Ordinal);

        CliResult people = Cli.Done(["advise", .. judged, "--references", "half", "--continued-steps", "0", "--alpha", "matched"]);
        Assert.Contains("| extrapolated from half, α = ", people.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("continued SFT", people.Out, StringComparison.Ordinal);
        Assert.Contains("The run kept base, half; sft --keep-at", people.Error, StringComparison.Ordinal);

        string dpr = folder["dpr"];
        CliResult trained = Cli.Done(["dpr", .. judged, "--reference", "auto", "--updates", "3", "--prompts-per-update", "8", "--out",
            dpr]);
        Assert.Contains("reference base, chosen by the advisor", trained.Error, StringComparison.Ordinal);
        JsonElement run = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Path.Combine(dpr, "run.json")));
        Assert.Equal("base", run.GetProperty("reference").GetString());
        Assert.Equal(1, run.GetProperty("advice").GetProperty("expectedGain").GetDouble());
        Cli.Done("dpr", "--config", Path.Combine(dpr, "run.json"), "--out", folder["again"]); // the advice in it is no setting
        Assert.Equal(Cli.WeightsOf(dpr), Cli.WeightsOf(folder["again"]));
    }

    [Fact]
    public void Without_a_promise_nothing_is_trained()
    {
        using var folder = new TemporaryFolder();
        string sft = BaseToBetter(folder);
        string[] judged = ["--run", sft, "--verify", "regex:^c$"]; // nobody says c
        CliResult advised = Cli.Done(["advise", .. judged]);
        Assert.Contains("Stop here: the best reference, base, promises ±.000, and continued SFT ±.000; neither is more than +.010",
            advised.Out, StringComparison.Ordinal);
        Assert.Contains("No greedy response of any policy is right", advised.Error, StringComparison.Ordinal);
        CliResult told = Cli.Done(["dpr", .. judged, "--reference", "auto", "--out", folder["dpr"]]);
        Assert.Contains("Nothing was trained, as --reference auto asks where the advisor expects no gain of DPR", told.Error,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["dpr"]));
    }

    [Fact]
    public void By_log_likelihood_the_trial_is_the_very_run_that_is_recommended()
    {
        using var folder = new TemporaryFolder();
        string sft = BaseToBetter(folder);
        string[] likelihood = ["--score", "log-likelihood", "--references", "base", "--continued-steps", "7"];
        JsonElement advice = Cli.Done(["advise", "--run", sft, .. likelihood, "--json"]).Json.Single();
        JsonElement[] policies = [.. advice.GetProperty("policies").EnumerateArray()];
        Cli.Done("sft", "--config", Path.Combine(sft, "run.json"), "--base", sft, "--steps", "7", "--out", folder["continued"]);
        Assert.Equal(LogLikelihood(sft), policies[0].GetProperty("score").GetDouble(), 1e-9);
        Assert.Equal(LogLikelihood(folder["continued"]), policies[2].GetProperty("score").GetDouble(), 1e-9);
        Assert.NotEqual(policies[0].GetProperty("score").GetDouble(), policies[2].GetProperty("score").GetDouble());

        // Another file to decide on: what SFT learned to say less often is likelier the nearer the policy is to the base.
        File.WriteAllLines(folder["b.jsonl"], Enumerable.Range(100, 6).Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "b"}"""));
        JsonElement other = Cli.Done(["advise", "--run", sft, "--data", folder["b.jsonl"], .. likelihood, "--json"]).Json.Single();
        Assert.Equal(6, other.GetProperty("cases").GetInt32());
        Assert.True(other.GetProperty("policies")[1].GetProperty("gain").GetDouble() < -1, "away from the base, b is less likely");

        double LogLikelihood(string run) =>
            Cli.Done("eval", "--run", run, "--json").Json.Single().GetProperty("logLikelihood").GetProperty("perResponse").GetDouble();
    }

    [Fact]
    public void What_cannot_be_advised_on_is_said()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "2", "--keep-at", "none", "--out", folder["bare"]]);
        (string Expected, string[] Flags)[] wrong =
        [
            ("has no checkpoint that could be a reference; sft keeps those that --keep-at names", []),
            ("has no checkpoint 'fraction-0.20'", ["--references", "0.2"]),
            ("--score log-likelihood goes with own data", ["--score", "log-likelihood"]),
            ("--verify goes with --data", ["--verify", "numeric"]),
        ];
        foreach ((string expected, string[] flags) in wrong)
        {
            CliResult result = Cli.Run(["advise", "--run", folder["bare"], .. flags]);
            Assert.Equal(ExitCode.BadUsage, result.Code);
            Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("inverse-q")]
    [InlineData("inverse-q-chi2")]
    [InlineData("dft")]
    public void The_forecast_of_a_continued_SFT_is_what_the_recommended_command_reaches(string objective)
    {
        using var folder = new TemporaryFolder();
        string sft = BaseToBetter(folder, "--objective", objective, "--alpha", "2", "--gamma", "0.9");
        JsonElement advice = Cli.Done(
            "advise", "--run", sft, "--score", "log-likelihood", "--references", "base", "--continued-steps", "5", "--threshold", "0",
            "--json").Json.Single();
        Cli.Done("sft", "--config", Path.Combine(sft, "run.json"), "--base", sft, "--steps", "5", "--out", folder["continued"]);
        double reached = Cli.Done("eval", "--run", folder["continued"], "--json").Json.Single().GetProperty("logLikelihood")
            .GetProperty("perResponse").GetDouble();
        Assert.Equal(reached, advice.GetProperty("policies")[2].GetProperty("score").GetDouble(), 1e-9);
    }

    // A base that always says b, then demonstrations of which four in ten say a.
    private static string BaseToBetter(TemporaryFolder folder, params string[] how)
    {
        Write("lazy.jsonl", _ => 'b');
        Write("better.jsonl", i => i * 7 % 10 < 4 ? 'a' : 'b');
        Cli.Done(["sft", "--data", folder["lazy.jsonl"], "--steps", "100", "--lr", "1e-2", "--hidden", "16", "--layers", "1", "--heads",
            "2", "--out", folder["base"], .. Small]);
        Cli.Done(["sft", "--base", folder["base"], "--data", folder["better.jsonl"], "--steps", "60", "--lr", "3e-3", "--keep-at", "0.5",
            "--out", folder["sft"], .. Small, .. how]);
        return folder["sft"];

        void Write(string file, Func<int, char> completion) =>
            File.WriteAllLines(folder[file], Enumerable.Range(0, 100)
                .Select(i => $$"""{"prompt": "say {{i}}: ", "completion": "{{completion(i)}}"}"""));
    }
}
