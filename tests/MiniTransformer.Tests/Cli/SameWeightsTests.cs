using System.Text.Json;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>A reference that is π_SFT itself, and responses that were cut off, as commands tell of them.</summary>
public sealed class SameWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string run;

    public SameWeightsTests()
    {
        run = folder["run"];
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "4", "--keep-at", "0.5,1", "--out", run]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Dpr_refuses_a_reference_with_the_weights_of_the_expert_and_warns_of_one_among_others()
    {
        string[] dpr = ["dpr", "--run", run, "--updates", "1", "--prompts-per-update", "8", "--threads", "1", .. Cli.NoCurve];
        CliResult refused = Cli.Run([.. dpr, "--reference", "1", "--out", folder["same"]]);
        Assert.Equal(ExitCode.BadUsage, refused.Code);
        Assert.Contains("the reference 1 has the weights of π_SFT itself, to the bit", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["same"]));
        Assert.Contains("Warning: the reference 1 has the weights",
            Cli.Done([.. dpr, "--reference", "base,1", "--out", folder["two"]]).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("has the weights", Cli.Done([.. dpr, "--reference", "base", "--out", folder["base"]]).Error,
            StringComparison.Ordinal);
        Cli.Done([.. dpr, "--reference", "1", "--reward", "log-policy", "--out", folder["log"]]); // looks at no reference
    }

    [Fact]
    public void Dpr_warns_by_name_of_a_reference_that_is_all_but_the_expert()
    {
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "4", "--keep-at", "0.75", "--final-fraction", "0", "--lr", "1e-6",
            "--out", folder["still"]]);
        CliResult warned = Cli.Done(["dpr", "--run", folder["still"], "--reference", "0.75", "--updates", "3", "--prompts-per-update", "8",
            "--threads", "1", .. Cli.NoCurve, "--out", folder["dpr"]]);
        Assert.Contains("Warning: the reward is all but nothing", warned.Error, StringComparison.Ordinal);
        Assert.Contains("The reference 0.75 is all but π_SFT", warned.Error, StringComparison.Ordinal);
        Assert.Equal(2, warned.Error.Split("Warning: the reward is all but nothing").Length); // once
    }

    [Fact]
    public void Reward_and_credit_warn_of_a_reference_with_the_weights_of_the_policy()
    {
        File.WriteAllText(folder["data.jsonl"], """{"prompt": "a", "completion": "b"}""");
        CliResult reward = Cli.Done("reward", "--policy", run, "--reference", "1", "--data", folder["data.jsonl"], "--threads", "1");
        Assert.Contains("Warning: the reference 1 has the weights of the policy itself, to the bit", reward.Error,
            StringComparison.Ordinal);
        CliResult credit = Cli.Done("credit", "--policy", run, "--reference", "half,1", "--data", folder["data.jsonl"], "--out",
            folder["c.html"], "--threads", "1");
        Assert.Contains("Warning: the reference 1 has the weights of the policy itself, to the bit", credit.Error,
            StringComparison.Ordinal);
        Assert.DoesNotContain("reference half has", credit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Reward_says_whether_a_response_ended_and_credit_marks_where_it_was_cut_off()
    {
        string Ids(int n) => string.Join(',', Enumerable.Repeat(97, n));
        File.WriteAllLines(folder["cut.jsonl"],
        [
            """{"prompt_ids":[256,83,58],"completion_ids":[111,110,257]}""", """{"prompt_ids":[256,83,58],"completion_ids":[111,110]}""",
            $$"""{"prompt_ids":[256,83,58],"completion_ids":[{{Ids(30)}}]}""",
        ]);
        string[] flags = ["--policy", run, "--reference", "half", "--data", folder["cut.jsonl"], "--threads", "1"];
        JsonElement[] lines = Cli.Done(["reward", "--json", .. flags]).Json;
        Assert.Equal([true, false, false], lines.Select(line => line.GetProperty("ended").GetBoolean()));

        // The same token in the same state, whatever follows: r_Q of the second token, cut off there or not.
        double[][] rQ = [.. lines[..2].Select(line => line.GetProperty("rQ").EnumerateArray().Select(v => v.GetDouble()).ToArray())];
        Assert.Equal(rQ[0][..2], rQ[1]);
        Assert.Equal(JsonValueKind.Null, lines[2].GetProperty("rQ")[29].ValueKind); // the context of 32 is full: its value has no position
        Assert.Equal(JsonValueKind.Null, lines[2].GetProperty("sums").GetProperty("rQ").ValueKind);
        Assert.Equal(JsonValueKind.Number, lines[2].GetProperty("sums").GetProperty("rHat").ValueKind);
        Assert.Equal(2, Cli.Done(["reward", .. flags]).Out.Split("was cut off").Length - 1);
        Cli.Done(["credit", .. flags, "--out", folder["credit.html"]]);
        string page = File.ReadAllText(folder["credit.html"]);
        Assert.Equal(2, page.Split("cut off, not ended").Length - 1);
        Assert.Equal(2, page.Split("the response was cut off here").Length - 1);
        Assert.Contains("− V(s<sub>T</sub>)", page, StringComparison.Ordinal);
        Reports.HtmlReportTests.Parse(page);
    }
}
