using System.Text.Json;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

/// <summary>Every answer has the room that its own prompt leaves in the model's context, in every command.</summary>
public sealed class RoomTests : IDisposable
{
    private const int Positions = 24;
    private readonly TemporaryFolder folder = new();
    private readonly string model;

    public RoomTests()
    {
        model = folder["model"];
        using Device device = Device.Cpu(1);
        TransformerConfig config = Models.Odd with { VocabSize = 262, MaxPositions = Positions, BeginId = 256, Ends = 257, PadId = 258 };
        using Transformer random = Models.Random(device, config, seed: 1);
        Checkpoint.Save(model, random, new ByteTokenizer());
    }

    private static string Long => new('x', Positions - 3);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Sft_reports_the_accuracy_of_answers_that_a_neighbours_prompt_does_not_cut()
    {
        // Short prompts with a long answer, long prompts with a short one: together they need fewer positions than the longest of each.
        var rng = new Rng(7);
        string Letters(int n) => string.Concat(Enumerable.Range(0, n).Select(_ => (char)('a' + rng.NextInt(26))));
        File.WriteAllLines(folder["mixed.jsonl"], Enumerable.Range(0, 80).SelectMany(_ => new[]
        {
            $$"""{"prompt": "S{{Letters(3)}}:", "completion": "one two three four five six seven"}""",
            $$"""{"prompt": "L{{Letters(48)}}:", "completion": "no"}""",
        }));
        string[] settings = ["--steps", "120", "--batch", "32", "--held-out", "0.2", "--lr", "1e-2", "--layers", "1", "--hidden", "32",
            "--heads", "2", "--threads", "1"];
        Cli.Done(["sft", "--data", folder["mixed.jsonl"], .. settings, .. Cli.NoCurve, "--out", folder["run"]]);
        JsonElement row = Cli.Done("eval", "--run", folder["run"], "--json", "--threads", "1").Json.Single();
        Assert.Equal(1, row.GetProperty("greedy").GetProperty("total").GetDouble());
        Assert.Equal(0, row.GetProperty("greedy").GetProperty("contextFull").GetInt32());
        Assert.True(row.GetProperty("ended").GetDouble() > .95);
    }

    [Fact]
    public void Generate_answers_a_prompt_as_it_would_alone_whatever_stands_beside_it()
    {
        string[] flags = ["generate", "--model", model, "--temperature", "0", "--max-tokens", "40", "--json", "--threads", "1"];
        JsonElement alone = Cli.RunWith("a\n", flags).Json.Single();
        CliResult among = Cli.RunWith($"{Long}\na\n", flags);
        Assert.Equal(ExitCode.Done, among.Code);
        Assert.Equal(alone.ToString(), among.Json[1].ToString());
        int[] lengths = [.. among.Json.Where(line => !line.GetProperty("ended").GetBoolean())
            .Select(line => line.GetProperty("ids").GetArrayLength())];
        Assert.All(lengths, length => Assert.True(length is 3 or Positions - 1));
        Assert.NotEmpty(lengths);
    }

    [Fact]
    public void Generate_names_a_prompt_that_is_too_long_by_its_line_and_answers_the_others()
    {
        string[] flags = ["generate", "--model", model, "--temperature", "0", "--threads", "1"];
        CliResult result = Cli.RunWith($"a\n\n{Long}{Long}\nb\n", flags);
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains($"standard input:3 ({2 * Long.Length + 1} tokens)", result.Error, StringComparison.Ordinal);
        Assert.Contains("max_position_embeddings", result.Error, StringComparison.Ordinal);
        Assert.Equal(Cli.RunWith("a\n", flags).Out + "\n" + Cli.RunWith("b\n", flags).Out, result.Out);
        Assert.Equal(ExitCode.BadUsage, Cli.Run([.. flags, "--prompt", Long + Long]).Code);
    }

    [Fact]
    public void Eval_answers_the_prompts_that_fit_and_counts_the_others_as_wrong_and_what_the_context_cut_off()
    {
        File.WriteAllLines(folder["data.jsonl"],
        [
            $$"""{"prompt": "{{Long}}{{Long}}", "completion": "b"}""",
            $$"""{"prompt": "{{Long}}", "completion": "longer than there is room for"}""",
            """{"prompt": "a", "completion": "b"}""", """{"prompt": "c", "completion": "d"}""",
        ]);
        string[] eval = ["eval", "--run", model, "--data", folder["data.jsonl"], "--max-tokens", "40", "--json", "--threads", "1"];
        CliResult result = Cli.Done(eval);
        Assert.Contains($"{folder["data.jsonl"]}:1 ({2 * Long.Length + 1} tokens)", result.Error, StringComparison.Ordinal);
        Assert.Contains("counts as wrong", result.Error, StringComparison.Ordinal);
        Assert.Equal(4, result.Json[0].GetProperty("prompts").GetInt32());
        Assert.True(double.IsFinite(result.Json[0].GetProperty("klToSft").GetDouble()));

        // One that does not fit is not asked; of the other three some fill the context.
        Assert.InRange(result.Json[0].GetProperty("greedy").GetProperty("contextFull").GetInt32(), 2, 4);
        Assert.Contains("filled the model's context", Cli.Done([.. eval.Where(flag => flag != "--json")]).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Dpr_leaves_out_a_prompt_that_is_too_long_and_takes_the_reference_s_context_into_account()
    {
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 20)
            .Select(i => $$"""{"prompt": "{{(char)('a' + i)}}", "completion": "some answer"}"""));
        Cli.Done(["sft", "--base", model, "--data", folder["data.jsonl"], "--steps", "2", "--threads", "1", .. Cli.NoCurve, "--out",
            folder["sft"]]);
        using (Device device = Device.Cpu(1))
        {
            TransformerConfig shorter = TransformerConfig.Load(model) with { MaxPositions = 12 };
            using Transformer other = Models.Random(device, shorter, seed: 2);
            Checkpoint.Save(folder["shorter"], other, new ByteTokenizer());
        }

        File.WriteAllLines(folder["prompts.jsonl"], ["""{"prompt": "a"}""", $$"""{"prompt": "{{Long}}{{Long}}"}""", """{"prompt": "b"}"""]);
        string[] dpr = ["dpr", "--run", folder["sft"], "--prompts", folder["prompts.jsonl"], "--updates", "1", "--prompts-per-update", "4",
            "--max-tokens", "40", "--threads", "1", .. Cli.NoCurve];
        CliResult result = Cli.Done([.. dpr, "--reference", folder["shorter"], "--out", folder["dpr"]]);
        Assert.Contains($"{folder["prompts.jsonl"]}:2 ({2 * Long.Length + 1} tokens)", result.Error, StringComparison.Ordinal);
        Assert.Contains("left out", result.Error, StringComparison.Ordinal);
        File.WriteAllLines(folder["prompts.jsonl"], [$$"""{"prompt": "{{Long}}{{Long}}"}"""]);
        Assert.Equal(ExitCode.Failed, Cli.Run([.. dpr, "--reference", "base", "--out", folder["none"]]).Code);
    }

    [Fact]
    public void A_byte_order_mark_on_standard_input_is_dropped_and_invalid_bytes_are_refused_by_line()
    {
        string[] flags = ["generate", "--model", model, "--temperature", "0", "--json", "--threads", "1"];
        CliResult plain = Cli.RunWith("rev:a=\r\nx\n", flags);
        Assert.Equal(["rev:a=", "x"], plain.Json.Select(line => line.GetProperty("prompt").GetString()));
        Assert.Equal(plain.Out, Cli.RunWith([0xEF, 0xBB, 0xBF, .. "rev:a=\nx"u8], flags).Out);
        CliResult invalid = Cli.RunWith([.. "ab\nc"u8, 0xFF, .. "\n"u8], flags);
        Assert.Equal(ExitCode.Failed, invalid.Code);
        Assert.Contains("standard input:2:2: byte 0xFF is not valid UTF-8", invalid.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\uFFFD', invalid.Out);
    }

    [Fact]
    public void A_token_beyond_the_tokenizers_vocabulary_is_shown_by_its_id()
    {
        using (Device device = Device.Cpu(1))
        {
            TransformerConfig larger = TransformerConfig.Load(model) with { VocabSize = 310 };
            using Transformer wide = Models.Random(device, larger, seed: 3);
            Checkpoint.Save(folder["wide"], wide, new ByteTokenizer());
        }

        File.WriteAllText(folder["ids.jsonl"], """{"prompt_ids": [256, 305, 97], "completion_ids": [98, 300, 99, 301]}""");
        string[] flags = ["--data", folder["ids.jsonl"], "--threads", "1"];
        CliResult reward = Cli.Done(["reward", "--policy", folder["wide"], "--reference", folder["wide"], "--json", .. flags]);
        Assert.Equal(["b", "<id 300>", "c", "<id 301>"], reward.Json[0].GetProperty("tokens").EnumerateArray().Select(t => t.GetString()));
        Assert.Contains("prompt: <id 305>a", Cli.Done(["reward", "--policy", folder["wide"], "--reference", folder["wide"], .. flags]).Out,
            StringComparison.Ordinal);
        JsonElement[] lines = Cli.Done("generate", "--model", folder["wide"], "--prompt", "a", "--count", "30", "--json", "--threads",
            "1").Json;
        foreach (JsonElement line in lines)
        {
            int[] beyond = [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).Where(id => id >= 262)];
            Assert.Equal(beyond.Length, line.GetProperty("response").GetString()!.Split("<id ").Length - 1);
        }

        Assert.Contains(lines, line => line.GetProperty("response").GetString()!.Contains("<id ", StringComparison.Ordinal));
    }
}
