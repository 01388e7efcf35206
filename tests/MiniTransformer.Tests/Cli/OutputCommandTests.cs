using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Data.Tasks;
using MiniTransformer.Lab;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

public sealed class OutputCommandTests
{
    [Fact]
    public void Generate_gives_the_samplers_responses_the_same_for_every_batch_and_way_to_ask()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        var tokenizer = new ByteTokenizer();
        using Transformer model = Model(device, tokenizer.VocabSize);
        Checkpoint.Save(folder["model"], model, tokenizer);
        string[] prompts = ["rev:abc=", "x"];
        int[][] ids = [.. prompts.Select(p => (int[])[ByteTokenizer.Begin, .. tokenizer.Encode(p)])];
        SampledResponse[] expected = Sampler.Generate(model, ids, ByteTokenizer.End,
            new SamplingOptions { MaxTokens = 6, Seed = 9, Temperature = .8f, TopK = 50 });
        string[] flags = ["--model", folder["model"], "--max-tokens", "6", "--seed", "9", "--temperature", "0.8", "--top-k", "50"];
        JsonElement[] lines = Cli.RunWith(string.Join('\n', prompts) + "\n", ["generate", .. flags, "--json"]).Json;
        Assert.Equal(expected.Select(r => string.Join(' ', r.Ids)),
            lines.Select(l => string.Join(' ', l.GetProperty("ids").EnumerateArray())));
        Assert.Equal(prompts, lines.Select(l => l.GetProperty("prompt").GetString()));
        Assert.Equal(tokenizer.Decode(expected[0].Ids) + "\n", Cli.Done(["generate", .. flags, "--prompt", prompts[0]]).Out);
        Assert.Equal(3, Cli.Done(["generate", .. flags, "--prompt", prompts[0], "--count", "3", "--json"]).Json.Length);
    }

    [Fact]
    public void Generate_says_what_does_not_fit()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 30);
        Checkpoint.Save(folder["bare"], model, null);
        Assert.Single(Cli.Done("generate", "--model", folder["bare"], "--prompt", "3 4,5", "--json").Json);
        (string Expected, string[] Flags)[] wrong =
        [
            ("'30' is not a token id", ["--prompt", "3 30"]),
            ("there is no room", ["--prompt", string.Join(' ', Enumerable.Repeat(1, 33))]),
            ("there is no prompt", []),
        ];
        foreach ((string expected, string[] flags) in wrong)
        {
            CliResult result = Cli.Run(["generate", "--model", folder["bare"], .. flags]);
            Assert.Equal(ExitCode.BadUsage, result.Code);
            Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Eval_counts_right_answers()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        var tokenizer = new ByteTokenizer();
        using Transformer model = Model(device, tokenizer.VocabSize);
        Checkpoint.Save(folder["model"], model, tokenizer);

        // What the model says itself is right for it; of the other prompts one is answered otherwise.
        string[] prompts = ["aa", "b", "cde", "f"];
        SampledResponse[] own = Sampler.Generate(
            model, [.. prompts.Select(p => (int[])[ByteTokenizer.Begin, .. tokenizer.Encode(p)])], ByteTokenizer.End,
            SamplingOptions.Greedy with { MaxTokens = 5 });
        File.WriteAllLines(folder["data.jsonl"], prompts.Select((p, i) =>
        {
            int[] ids = [ByteTokenizer.Begin, .. tokenizer.Encode(p)];
            int[] response = i == 1 ? [.. own[i].Ids[..^1], (own[i].Ids[^1] + 1) % 250] : own[i].Ids;
            return $$"""{"prompt_ids": [{{string.Join(',', ids)}}], "completion_ids": [{{string.Join(',', response)}}]}""";
        }));
        JsonElement result = Cli.Done("eval", "--run", folder["model"], "--data", folder["data.jsonl"], "--max-tokens", "5",
            "--json").Json.Single();
        Assert.Equal(.75, result.GetProperty("greedy").GetProperty("total").GetDouble());
        Assert.Equal(0, result.GetProperty("klToSft").GetDouble());
        Assert.Contains("say what to measure it on", Cli.Run("eval", "--run", folder["model"]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Tasks_lists_them_and_prints_the_data_that_sft_trains_on()
    {
        string list = Cli.Done("tasks").Out;
        Assert.All(BuiltIn.All, task => Assert.Contains($"{task.Name} ", list, StringComparison.Ordinal));
        JsonElement[] lines = Cli.Done("tasks", "--task", "reverse,upper", "--count", "200", "--good", "0.4", "--seed", "3").Json;
        var splits = new PromptSplits(BuiltIn.Parse("reverse,upper"), 3, new PromptSplitSizes { Demonstrations = 200 });
        Assert.Equal(splits.Demonstrations.Select(p => p.Text), lines.Select(l => l.GetProperty("prompt").GetString()));
        int right = splits.Demonstrations.Zip(lines)
            .Count(pair => pair.First.Task.Verify(pair.First.Text, pair.Second.GetProperty("completion").GetString()!));

        // 200 draws with probability .4, and palindromes that a lazy copy answers rightly: five deviations of √(200·.4·.6) = 7 around 80.
        Assert.InRange(right, 45, 115);
        JsonElement[] held = Cli.Done("tasks", "--task", "reverse,upper", "--count", "10", "--split", "evaluation", "--seed", "3").Json;
        Assert.Equal(splits.Evaluation.Take(10).Select(p => p.Text), held.Select(l => l.GetProperty("prompt").GetString()));
    }

    [Fact]
    public void The_quick_demo_writes_table_results_and_report()
    {
        using var folder = new TemporaryFolder();
        CliResult demo = Cli.Done("demo", "--quick", "--seeds", "1", "--threads", "1", "--init-std", "0.05", "--out", folder["demo"]);
        string[] arms = [.. Methods.OfDemo(Regimes.All[0]).Select(method => method.Label)];
        Assert.All(arms, arm => Assert.Contains($"| {arm} ", demo.Out, StringComparison.Ordinal));
        Assert.Contains("its numbers say nothing about the method", demo.Out, StringComparison.Ordinal);
        string[] results = File.ReadAllLines(Path.Combine(folder["demo"], "results.jsonl"));
        Assert.Equal(arms, results.Select(line => JsonSerializer.Deserialize<JsonElement>(line).GetProperty("arm").GetString()));
        Assert.Contains("heat-tokens", File.ReadAllText(Path.Combine(folder["demo"], "report.html")), StringComparison.Ordinal);
        Assert.Contains("--seeds 1 --init-std 0.05", File.ReadAllText(Path.Combine(folder["demo"], "report.html")),
            StringComparison.Ordinal);

        // A finished seed is not run again.
        // A seed belongs to its regime and settings, and a damaged one is computed again.
        string seed = folder["demo/worlds/base-to-better-seed-1.json"];
        File.Move(folder["demo/run.json"], folder["run.json"]);
        CliResult other = Cli.Run("demo", "--quick", "--seeds", "1", "--regime", "noisy", "--out", folder["demo"], "--resume");
        Assert.Equal(ExitCode.BadUsage, other.Code);
        Assert.Contains("belongs to", other.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["demo/run.json"]));
        File.Move(folder["run.json"], folder["demo/run.json"]);
        File.WriteAllText(seed, File.ReadAllText(seed).Replace("SFT", "DFT", StringComparison.Ordinal));
        Assert.Contains("is computed again", Cli.Done("demo", "--out", folder["demo"], "--resume").Error, StringComparison.Ordinal);

        CliResult again = Cli.Done("demo", "--out", folder["demo"], "--resume");
        Assert.DoesNotContain("seed 1,", again.Error, StringComparison.Ordinal);
        Assert.Equal(results, File.ReadAllLines(Path.Combine(folder["demo"], "results.jsonl")));
    }

    private static Transformer Model(Device device, int vocabSize) => new(
        new TransformerConfig
        {
            VocabSize = vocabSize,
            HiddenSize = 16,
            IntermediateSize = 24,
            NumLayers = 1,
            NumHeads = 2,
            MaxPositions = 32
        },
        ParameterSource.Random(device, 4));
}
