using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Runs;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

public sealed class ChatCommandTests
{
    private static readonly string[] Lines =
    [
        """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}],"lang":"en"}""",
        """{"messages":[{"role":"user","content":"q"}],"add_generation_prompt":true}""",
        """{"prompt":"x","completion":"y"}""",
        """{"text":"z<end>"}""",
    ];

    [Fact]
    public void Inspect_shows_text_tokens_and_loss_of_each_line()
    {
        using var folder = new TemporaryFolder();
        TokenizerFile.Save(new ByteTokenizer(), folder.Path);
        File.WriteAllLines(folder["data.jsonl"], Lines);
        CliResult result = Cli.Run("inspect", "--tokenizer", folder.Path, "--data", folder["data.jsonl"], "--json");
        Assert.Equal(0, result.Code);
        Assert.Contains("column 'lang' is not read", result.Error);
        JsonElement[] seen = result.Json;
        Assert.Equal("<begin><user>q<end><assistant>a<end><user>r<end><assistant>b<end>", seen[0].GetProperty("text").GetString());
        Assert.Equal("0000011000011", Loss(seen[0]));
        Assert.Equal("00000", Loss(seen[1]));
        Assert.Equal("0011", Loss(seen[2]));
        Assert.Equal([256, 'z', 257], seen[3].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("000", Loss(seen[3]));
        Assert.Equal("0000000000011",
            Loss(Cli.Run("inspect", "--tokenizer", folder.Path, "--data", folder["data.jsonl"], "--json", "--loss-on", "last").Json[0]));
        Assert.Contains("⟦a<end>⟧", Cli.Run("inspect", "--tokenizer", folder.Path, "--data", folder["data.jsonl"]).Out);
    }

    [Fact]
    public void Generate_answers_a_file_of_prompts_in_every_form_and_says_what_was_cut()
    {
        using var folder = new TemporaryFolder();
        Save(folder["model"]);
        File.WriteAllLines(folder["data.jsonl"], [.. Lines[..3], """{"prompt_ids":[256,97]}"""]);
        CliResult result = Cli.Run("generate", "--model", folder["model"], "--data", folder["data.jsonl"], "--max-tokens", "1",
            "--threads", "1");
        Assert.Equal(0, result.Code);
        Assert.Equal(4, result.Json.Length);
        Assert.Equal("user: q\nassistant: a\nuser: r", result.Json[0].GetProperty("prompt").GetString());
        Assert.Contains("were cut off", result.Error);
    }

    [Fact]
    public void A_conversation_keeps_what_was_said_until_it_is_reset()
    {
        using var folder = new TemporaryFolder();
        Save(folder["model"]);
        string[] flags = ["generate", "--model", folder["model"], "--chat", "--json", "--temperature", "0", "--max-tokens", "3",
            "--threads", "1"];
        JsonElement[] answers = Cli.RunWith("q\n/reset\nq\nr\n", flags).Json;
        Assert.Equal(3, answers.Length);
        Assert.Equal(answers[0].GetProperty("response").GetString(), answers[1].GetProperty("response").GetString());
        CliResult streamed = Cli.RunWith("q\n/exit\nnever\n", [.. flags.Where(f => f != "--json")]);
        Assert.Equal(0, streamed.Code);
        Assert.EndsWith("\n", streamed.Out);
    }

    [Fact]
    public void A_run_that_is_older_than_the_choice_of_turns_goes_on_with_the_last_turn_as_it_began()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["chats.jsonl"], Enumerable.Range(0, 12).Select(i =>
            $$"""{"messages":[{"role":"user","content":"{{i}}"},{"role":"assistant","content":"abc"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]}"""));
        string[] sft = ["sft", "--data", folder["chats.jsonl"], .. Cli.NoCurve, "--steps", "4", "--batch", "4", "--layers", "1",
            "--hidden", "8", "--heads", "1", "--threads", "1"];
        Cli.Done([.. sft, "--loss-on", "last", "--out", folder["last"]]);
        Cli.Done([.. sft, "--out", folder["all"]]);
        Assert.NotEqual(Cli.WeightsOf(folder["all"]), Cli.WeightsOf(folder["last"]));

        Cli.RunStopped(() => File.Exists(folder["old/checkpoints/last/trainer.json"]),
            [.. sft, "--loss-on", "last", "--checkpoint-every", "1", "--out", folder["old"]]);
        string path = folder["old/run.json"];
        JsonObject json = SealedJson.Read(path);
        Assert.True(json.Remove("loss-on"));
        File.WriteAllText(path, json.ToJsonString());
        Assert.Equal("last", RunSettings.Read<SftRun>(folder["old"]).LossOn);
        Assert.Contains("is not what the run began with", Cli.Run("sft", "--out", folder["old"], "--resume", "--loss-on", "all").Error);
        Cli.Done("sft", "--out", folder["old"], "--resume");
        Assert.Equal(Cli.WeightsOf(folder["last"]), Cli.WeightsOf(folder["old"]));
        Cli.Done("sft", "--config", path, "--out", folder["again"]);
        Assert.Equal(Cli.WeightsOf(folder["last"]), Cli.WeightsOf(folder["again"]));
    }

    [Fact]
    public void Every_command_that_reads_own_data_says_once_which_columns_it_does_not_read()
    {
        using var folder = new TemporaryFolder();
        string[] lines = [.. Enumerable.Range(10, 30).Select(i => $$"""{"prompt": "{{i}}+1=", "completion": "{{i + 1}}", "lang": "en"}""")];
        File.WriteAllLines(folder["own.jsonl"], lines);
        File.WriteAllLines(folder["other.jsonl"], lines.Select(line => line.Replace("+1", "-1", StringComparison.Ordinal)));
        string[] tiny = ["--layers", "1", "--hidden", "8", "--heads", "1", "--threads", "1"];
        Says(["sft", "--data", folder["own.jsonl"], .. Cli.NoCurve, "--steps", "2", .. tiny, "--out", folder["sft"]], "own.jsonl");
        Says(["eval", "--run", folder["sft"], "--data", folder["other.jsonl"]], "other.jsonl");
        Says(["advise", "--run", folder["sft"], "--data", folder["other.jsonl"], "--continued-steps", "0", "--references", "base"],
            "own.jsonl", "other.jsonl");
        Says(["credit", "--run", folder["sft"], "--data", folder["other.jsonl"], "--reference", "base", "--plant", "--prompts", "5"],
            "other.jsonl");
        Says(["credit", "--run", folder["sft"], "--reference", "base", "--plant", "--prompts", "2"], "own.jsonl");
        Says(["verify", "--policy", folder["sft"], "--data", folder["other.jsonl"]], "other.jsonl");
        Says(["dpr", "--run", folder["sft"], "--prompts", folder["other.jsonl"], "--updates", "1", "--prompts-per-update", "2",
            .. Cli.NoCurve, "--out", folder["dpr"]],
            "own.jsonl", "other.jsonl");
        string[] tooFew = ["--validation", "0.2", "--seeds", "1", "--threads", "1"];
        // before it refuses them
        Said(Cli.Run(["compare", "--data", folder["own.jsonl"], "--verify", "exact", .. tooFew, "--out", folder["compare"]]), "own.jsonl");

        static void Says(string[] args, params string[] files) => Said(Cli.Done(args), files);

        static void Said(CliResult result, params string[] files)
        {
            Assert.Equal(files.Length, result.Error.Split("column 'lang' is not read").Length - 1);
            foreach (string file in files) Assert.Contains($"{file}: column 'lang' is not read", result.Error, StringComparison.Ordinal);
        }
    }

    private static string Loss(JsonElement line) => string.Concat(line.GetProperty("loss").EnumerateArray());

    private static void Save(string path)
    {
        using Device device = Device.Cpu(1);
        var tokenizer = new ByteTokenizer();
        var config = new TransformerConfig
        {
            VocabSize = tokenizer.VocabSize,
            HiddenSize = 8,
            IntermediateSize = 8,
            NumLayers = 1,
            NumHeads = 1,
            MaxPositions = 64,
        };
        using var model = new Transformer(config, ParameterSource.Random(device, 1));
        Checkpoint.Save(path, model, tokenizer);
    }
}
