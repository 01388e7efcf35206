using System.Text.Json;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Cli;

/// <summary>What a base was trained on is held out of nothing that comes of it.</summary>
public sealed class SeenPromptsTests : IDisposable
{
    private static readonly string[] Small = ["--hidden", "16", "--layers", "1", "--heads", "2", "--threads", "1", "--evaluate-every", "0"];
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Held_out_prompts_that_the_base_was_trained_on_are_left_out_by_every_command_and_counted()
    {
        // A task of few prompts, so that two seeds share many.
        Cli.Done(["sft", "--task", "reverse", "--demonstrations", "3000", "--steps", "2", .. Small, "--out", folder["base"]]);
        Assert.DoesNotContain("left out", Cli.Done("eval", "--run", folder["base"], "--threads", "1").Error, StringComparison.Ordinal);
        CliResult sft = Cli.Done(["sft", "--base", folder["base"], "--task", "reverse", "--demonstrations", "50", "--steps", "2", "--seed",
            "2", "--threads", "1", "--evaluate-every", "0", "--out", folder["sft"]]);
        Assert.Matches(@"\d+ of 500 held-out prompts are among those that the model, or its base, was trained on: they are left out\.",
            sft.Error);
        int left = int.Parse(System.Text.RegularExpressions.Regex.Match(sft.Error, @"(\d+) of 500").Groups[1].Value,
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(left, 1, 499);
        JsonElement eval = Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single();
        Assert.Equal(500 - left, eval.GetProperty("prompts").GetInt32());
        CliResult dpr = Cli.Done("dpr", "--run", folder["sft"], "--updates", "1", "--prompts-per-update", "4", "--threads", "1",
            "--evaluate-every", "0", "--out", folder["dpr"]);
        Assert.Contains($"{left} of 500", dpr.Error, StringComparison.Ordinal);

        // A run whose folder has moved away from its base knows it still.
        Directory.Delete(folder["base"], recursive: true);
        Assert.Equal(500 - left, Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single().GetProperty("prompts")
            .GetInt32());
    }

    [Fact]
    public void Own_data_split_otherwise_does_not_bring_training_prompts_back_as_held_out()
    {
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 40)
            .Select(i => $$"""{"prompt": "p{{i}}", "completion": "{{(i % 2 == 0 ? 'c' : 'd')}}"}"""));
        Cli.Done(["sft", "--data", folder["data.jsonl"], "--held-out", "0.5", "--steps", "2", .. Small, "--out", folder["base"]]);
        CliResult sft = Cli.Done(["sft", "--base", folder["base"], "--data", folder["data.jsonl"], "--held-out", "0.5", "--seed", "2",
            "--steps", "2", "--threads", "1", "--evaluate-every", "0", "--out", folder["sft"]]);
        int left = int.Parse(System.Text.RegularExpressions.Regex.Match(sft.Error, @"(\d+) of 20 held-out").Groups[1].Value,
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(left, 1, 19);
        Assert.Contains($"on {20 - left} held-out prompts", sft.Out, StringComparison.Ordinal);

        // A file that is named is measured on as it is, with a warning.
        CliResult named = Cli.Done("eval", "--run", folder["sft"], "--data", folder["data.jsonl"], "--json", "--threads", "1");
        Assert.Equal(40, named.Json.Single().GetProperty("prompts").GetInt32());
        int known = int.Parse(System.Text.RegularExpressions.Regex.Match(named.Error, @"Warning: (\d+) of 40 prompts").Groups[1].Value,
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(known, 20, 39);
        Assert.Equal(known, named.Json.Single().GetProperty("trainedPrompts").GetInt32());
        Assert.Equal(0, Cli.Done("eval", "--run", folder["sft"], "--json", "--threads", "1").Json.Single().GetProperty("trainedPrompts")
            .GetInt32());
        CliResult table = Cli.Done("eval", "--run", folder["sft"], "--data", folder["data.jsonl"], "--checkpoint", "all", "--threads", "1");
        Assert.Matches($@"trained\s+on:\s+base\s+20,[\s\S]*final\s+{known}\.", table.Out);

        string[] told = ["--data", folder["data.jsonl"], "--threads", "1"];
        CliResult credit = Cli.Done(["credit", "--run", folder["sft"], "--plant", "--json", .. told]);
        Assert.Contains($"Warning: {known} of 40 prompts", credit.Error, StringComparison.Ordinal);
        Assert.InRange(credit.Json.Single().GetProperty("trainedPrompts").GetInt32(), 1, known);
        CliResult advice = Cli.Done(["advise", "--run", folder["sft"], "--continued-steps", "0", "--json", .. told]);
        Assert.Contains($"Warning: {known} of 40 prompts", advice.Error, StringComparison.Ordinal);
        Assert.Equal(known, advice.Json.Single().GetProperty("trainedPrompts").GetInt32());
        Assert.Matches($@"trained\s+on\s+{known}\s+of\s+these\s+prompts",
            Cli.Done(["advise", "--run", folder["sft"], "--continued-steps", "0", .. told]).Out);
    }

    [Fact]
    public void Held_out_prompts_that_dpr_is_told_to_answer_are_measured_by_neither_dpr_nor_eval()
    {
        string[] lines = [.. Enumerable.Range(0, 40).Select(i => $$"""{"prompt": "p{{i}}", "completion": "c"}""")];
        File.WriteAllLines(folder["data.jsonl"], lines);
        File.WriteAllLines(folder["prompts.jsonl"], lines[..30]);
        Cli.Done(["sft", "--data", folder["data.jsonl"], "--held-out", "0.5", "--steps", "2", .. Small, "--out", folder["sft"]]);
        CliResult dpr = Cli.Done("dpr", "--run", folder["sft"], "--prompts", folder["prompts.jsonl"], "--updates", "1",
            "--prompts-per-update", "4", "--threads", "1", "--evaluate-every", "1", "--out", folder["dpr"]);
        int left = int.Parse(System.Text.RegularExpressions.Regex.Match(dpr.Error,
            @"(\d+) of 20 held-out prompts are among those .* or that --prompts has: they are left out\.").Groups[1].Value,
                System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(left, 10, 19);
        Assert.Contains($"on {20 - left} held-out prompts", dpr.Out, StringComparison.Ordinal);
        JsonElement[] curve = [.. File.ReadLines(Path.Combine(folder["dpr"], "metrics.jsonl"))
            .Select(l => JsonSerializer.Deserialize<JsonElement>(l)).Where(l => l.TryGetProperty("heldOutLoss", out _))];
        Assert.Equal(2, curve.Length);
        Assert.All(curve, point => Assert.Equal(20 - left, point.GetProperty("prompts").GetInt32()));
        Assert.Equal(20 - left, Cli.Done("eval", "--run", folder["dpr"], "--json", "--threads", "1").Json.Single().GetProperty("prompts")
            .GetInt32());
    }

    [Fact]
    public void The_record_is_a_set_in_one_order_and_a_damaged_one_is_refused()
    {
        int[][] some = [[1, 2, 3], [4], [256, 97]];
        CompanionFiles files = TrainedPrompts.Of(CompanionFiles.None).With(some).AddTo(CompanionFiles.None);
        TrainedPrompts read = TrainedPrompts.Of(files);
        Assert.All(some, prompt => Assert.True(read.Contains(prompt)));
        Assert.False(read.Contains([1, 2]) || read.Contains([]) || TrainedPrompts.Of(CompanionFiles.None).Contains([4]));
        Assert.Equal(files.Find(TrainedPrompts.FileName), read.With([.. some.Reverse()]).AddTo(files).Find(TrainedPrompts.FileName));
        Assert.Throws<InvalidDataException>(() => TrainedPrompts.Of(CompanionFiles.None.With(TrainedPrompts.FileName, new byte[9])));
    }
}
