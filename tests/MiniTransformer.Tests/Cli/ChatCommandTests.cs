using System.Text.Json;
using MiniTransformer.Backends;
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
        Assert.Equal("0000000000011", Loss(Cli.Run("inspect", "--tokenizer", folder.Path, "--data", folder["data.jsonl"], "--json", "--loss-on", "last").Json[0]));
        Assert.Contains("⟦a<end>⟧", Cli.Run("inspect", "--tokenizer", folder.Path, "--data", folder["data.jsonl"]).Out);
    }

    [Fact]
    public void Generate_answers_a_file_of_prompts_in_every_form_and_says_what_was_cut()
    {
        using var folder = new TemporaryFolder();
        Save(folder["model"]);
        File.WriteAllLines(folder["data.jsonl"], [.. Lines[..3], """{"prompt_ids":[256,97]}"""]);
        CliResult result = Cli.Run("generate", "--model", folder["model"], "--data", folder["data.jsonl"], "--max-tokens", "1", "--threads", "1");
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
        string[] flags = ["generate", "--model", folder["model"], "--chat", "--json", "--temperature", "0", "--max-tokens", "3", "--threads", "1"];
        JsonElement[] answers = Cli.RunWith("q\n/reset\nq\nr\n", flags).Json;
        Assert.Equal(3, answers.Length);
        Assert.Equal(answers[0].GetProperty("response").GetString(), answers[1].GetProperty("response").GetString());
        CliResult streamed = Cli.RunWith("q\n/exit\nnever\n", [.. flags.Where(f => f != "--json")]);
        Assert.Equal(0, streamed.Code);
        Assert.EndsWith("\n", streamed.Out);
    }

    private static string Loss(JsonElement line) => string.Concat(line.GetProperty("loss").EnumerateArray());

    private static void Save(string path)
    {
        using Device device = Device.Cpu(1);
        var tokenizer = new ByteTokenizer();
        var config = new TransformerConfig
        {
            VocabSize = tokenizer.VocabSize, HiddenSize = 8, IntermediateSize = 8, NumLayers = 1, NumHeads = 1, MaxPositions = 64,
        };
        using var model = new Transformer(config, ParameterSource.Random(device, 1));
        Checkpoint.Save(path, model, tokenizer);
    }
}
