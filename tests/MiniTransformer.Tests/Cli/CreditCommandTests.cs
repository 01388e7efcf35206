using System.Text.Json;
using System.Text.RegularExpressions;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Runs;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Reports;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

public sealed class CreditCommandTests
{
    private static readonly ByteTokenizer Tokenizer = new();

    [Fact]
    public void A_run_answers_its_held_out_prompts_against_all_that_it_has_kept()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, .. Cli.NoCurve, "--steps", "4", "--keep-at", "0.25,0.5", "--out", folder["run"]]);
        CliResult shown = Cli.Done("credit", "--run", folder["run"], "--count", "3", "--out", folder["credit.html"]);
        Assert.Empty(shown.Out);
        string page = File.ReadAllText(folder["credit.html"]);
        HtmlReportTests.Parse(page);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.Equal(5, page.Split("type=\"radio\"").Length - 1); // base, .25, half, r_Q, log π
        Assert.Contains("r̂<sub>0.25</sub>", page, StringComparison.Ordinal);
        string[] prompts = [.. DataSourcePrompts("reverse,sort", 3)];
        Assert.All(prompts, prompt => Assert.Contains($"Prompt <code>{prompt}</code>", page, StringComparison.Ordinal));
        Assert.Equal(3, page.Split("<section class=\"heat-prompt\">").Length - 1);
        Assert.Equal(3, page.Split("policy, greedy").Length - 1);
        Assert.Equal(page.Split("✗ wrong").Length, page.Split("right response").Length);

        CliResult exists = Cli.Run("credit", "--run", folder["run"], "--out", folder["credit.html"]);
        Assert.Equal(ExitCode.BadUsage, exists.Code);
        Assert.Contains("exists already", exists.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_keeps_no_model_is_named_for_what_it_is()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["table"]);
        File.WriteAllText(Path.Combine(folder["table"], "run.json"), """{"command": "compare"}""");
        CliResult refused = Cli.Run("credit", "--run", folder["table"], "--out", folder["credit.html"]);
        Assert.NotEqual(ExitCode.Done, refused.Code);
        Assert.Contains("is a run of 'compare', which keeps no model; one of sft or dpr is needed", refused.Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_sums_that_a_page_shows_are_equal()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        SaveModels(folder, device);
        File.WriteAllText(folder["data.jsonl"], """{"prompt": "a=", "completion": "some longer response"}""" + "\n");
        Cli.Done("credit", "--policy", folder["expert"], "--reference", $"{folder["one"]},{folder["two"]}", "--data", folder["data.jsonl"],
            "--out", folder["credit.html"]);
        string page = File.ReadAllText(folder["credit.html"]);

        // Σ … = A nats; … = B + C = D: A is the sum of the colours, D is computed from the whole sequence's probabilities.
        MatchCollection sums = Regex.Matches(page, @"Σ [^=]*? = ([+−][\d.]+) nats; [^=]* = [+−][\d.]+ [+−] [\d.]+ = ([+−][\d.]+)<");
        Assert.Equal(3, sums.Count); // two references and r_Q
        // 21 tokens in float32, four decimals shown
        Assert.All(sums, sum => Assert.Equal(Number(sum.Groups[1].Value), Number(sum.Groups[2].Value), 2e-4));
        Assert.Equal(sums[0].Groups[1].Value, sums[0].Groups[2].Value); // r̂: to the last decimal
        Assert.Equal(3, sums.Select(sum => sum.Groups[1].Value).Distinct().Count());

        JsonElement reward = Cli.Done("reward", "--policy", folder["expert"], "--reference", folder["one"], "--data", folder["data.jsonl"],
            "--json").Json.Single();
        Assert.Equal(reward.GetProperty("sums").GetProperty("rHat").GetDouble(), Number(sums[0].Groups[1].Value), 1e-4);
        Assert.Equal(reward.GetProperty("sums").GetProperty("rQ").GetDouble(), Number(sums[2].Groups[1].Value), 1e-4);

        static double Number(string text) => double.Parse(text.Replace('−', '-'), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Planted_errors_are_those_of_the_library()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        (Transformer expert, Transformer one) = SaveModels(folder, device);
        TaskPrompt[] prompts = [.. new PromptSplits(BuiltIn.Parse("reverse,upper"), 3, new PromptSplitSizes(40, 0, 0, 0)).Evaluation];
        PlantedErrorResult expected = PlantedErrors.Measure(expert, [new NamedReference("one", one)], prompts, Tokenizer, seed: 3);
        string[] command = ["credit", "--policy", folder["expert"], "--reference", folder["one"], "--task", "reverse,upper", "--plant",
            "--prompts", "40", "--seed", "3"];
        CliResult result = Cli.Done([.. command, "--json", "--out", folder["credit.html"]]);
        Assert.Equal(JsonSerializer.Serialize(expected with { TrainedPrompts = 0 }, RunDirectory.Json), result.Out.TrimEnd());
        string page = File.ReadAllText(folder["credit.html"]);
        Assert.Contains("Planted errors in 40 right responses", page, StringComparison.Ordinal);
        Assert.Equal(6, page.Split("class=\"tok marked\"").Length - 1);
        Assert.Contains("planted error, right is", page, StringComparison.Ordinal);
        HtmlReportTests.Parse(page);

        string table = Cli.Done(command).Out; // no page is needed
        Assert.Contains("| r̂, reference one ", table, StringComparison.Ordinal);
        Assert.Contains("| chance ", table, StringComparison.Ordinal);
        Assert.Contains("best pointer", table, StringComparison.Ordinal);
        Assert.Equal(table, Cli.Done([.. command, "--threads", "2"]).Out);
    }

    [Fact]
    public void Hostile_and_very_long_responses_make_a_page_that_runs_nothing()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(2);
        using Transformer model = Model(device, 1, positions: 5200);
        Checkpoint.Save(folder["model"], model, Tokenizer);
        string[] texts = ["<script>alert(1)</script>", "\" onfocus='x' style=\"", "\u202eevil אב", "\0\u0007\u200b", "",
            "</span></p>--><style>", new string('x', 5000)];
        File.WriteAllLines(folder["data.jsonl"],
            texts.Select(text => JsonSerializer.Serialize(new { prompt = text[..Math.Min(90, text.Length)], completion = text })));
        Cli.Done("credit", "--policy", folder["model"], "--reference", folder["model"], "--data", folder["data.jsonl"], "--out",
            folder["credit.html"]);
        string page = File.ReadAllText(folder["credit.html"]);
        HtmlReportTests.Parse(page);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\0", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\u202e", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("<[^>]* on[a-z]+=", page);
        Assert.Contains("token 5001 of 5001", page, StringComparison.Ordinal);
        Assert.Equal(texts.Sum(t => Tokenizer.Encode(t).Length + 1), page.Split("class=\"tok\"").Length - 1);
    }

    [Theory]
    [InlineData("--policy or --run is needed")]
    [InlineData("--policy and --run do not go together", "--policy", "@expert", "--run", "@expert")]
    [InlineData("holds no run; the folder that sft was given as --out is needed, or a model's folder with --policy", "--run", "@expert")]
    [InlineData("--out is needed: the file of the page; or --plant", "--policy", "@expert", "--reference", "@one", "--task", "reverse")]
    [InlineData("say which responses to show with --data or --task", "--policy", "@expert", "--reference", "@one", "--plant")]
    [InlineData("--task and --data do not go together", "--policy", "@expert", "--task", "reverse", "--data", "@data.jsonl", "--plant")]
    [InlineData("--reference is needed: one or more models' folders", "--policy", "@expert", "--task", "reverse", "--plant")]
    [InlineData("--reference: the list is empty", "--policy", "@expert", "--reference", ",", "--task", "reverse", "--plant")]
    [InlineData("are the same model", "--policy", "@expert", "--reference", "@one,@one", "--task", "reverse", "--plant")]
    [InlineData("a vocabulary of 262, the reference one of 40", "--policy", "@expert", "--reference", "@other", "--task", "reverse",
        "--plant")]
    [InlineData("--json needs --plant", "--policy", "@expert", "--reference", "@one", "--task", "reverse", "--json", "--out", "@new.html")]
    [InlineData("--prompts needs --plant", "--policy", "@expert", "--reference", "@one", "--task", "reverse", "--prompts", "9", "--out",
        "@new.html")]
    [InlineData("--temperature does not go with --data", "--policy", "@expert", "--reference", "@one", "--data", "@data.jsonl",
        "--temperature", "1", "--plant")]
    [InlineData("Did you mean 'reverse'?", "--policy", "@expert", "--reference", "@one", "--task", "revers", "--plant")]
    public void Bad_usage_names_the_flag_and_the_way_out(string expected, params string[] flags)
    {
        using var folder = new TemporaryFolder();
        CliResult result = Run(folder, flags);
        Assert.Equal(ExitCode.BadUsage, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.False(File.Exists(folder["new.html"]));
    }

    [Theory]
    [InlineData("data.jsonl:1: 3 prompt and 41 response tokens need 43 positions", "--data", "@data.jsonl")]
    [InlineData("broken.jsonl:2:", "--data", "@broken.jsonl")]
    [InlineData("No error could be planted in any of 1 responses", "--data", "@short.jsonl")]
    public void Data_that_cannot_be_used_is_named_by_file_and_line(string expected, params string[] flags)
    {
        using var folder = new TemporaryFolder();
        CliResult result = Run(folder, ["--policy", "@expert", "--reference", "@one", "--plant", .. flags]);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    private static CliResult Run(TemporaryFolder folder, string[] flags)
    {
        using Device device = Device.Cpu(1);
        SaveModels(folder, device);
        using var other = new Transformer(Config(40, 32), ParameterSource.Random(device, 9));
        Checkpoint.Save(folder["other"], other, null);
        File.WriteAllText(folder["data.jsonl"], $$"""{"prompt": "a=", "completion": "{{new string('x', 40)}}"}""");
        File.WriteAllText(folder["broken.jsonl"], "{\"prompt\": \"a=\", \"completion\": \"b\"}\n{\"prompt\": }\n");
        File.WriteAllText(folder["short.jsonl"], """{"prompt": "a=", "completion": "7"}""");
        return Cli.Run(["credit",
            .. flags.Select(flag => flag.Replace("@", folder.Path + Path.DirectorySeparatorChar, StringComparison.Ordinal))]);
    }

    private static (Transformer Expert, Transformer One) SaveModels(TemporaryFolder folder, Device device)
    {
        Transformer expert = Model(device, 1), one = Model(device, 2), two = Model(device, 3);
        Checkpoint.Save(folder["expert"], expert, Tokenizer);
        Checkpoint.Save(folder["one"], one, Tokenizer);
        Checkpoint.Save(folder["two"], two, Tokenizer);
        return (expert, one);
    }

    private static IEnumerable<string> DataSourcePrompts(string tasks, int count) =>
        new PromptSplits(BuiltIn.Parse(tasks), 1, new PromptSplitSizes(count, 0, 0, 0)).Evaluation.Select(p => p.Text);

    private static Transformer Model(Device device, ulong seed, int positions = 32) =>
        new(Config(Tokenizer.VocabSize, positions), ParameterSource.Random(device, seed));

    private static TransformerConfig Config(int vocabSize, int positions) => new()
    {
        VocabSize = vocabSize,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumLayers = 1,
        NumHeads = 2,
        MaxPositions = positions,
    };
}
