using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

/// <summary>A model with two end tokens, from the files that name them to the files of a run that trained it.</summary>
public sealed class SeveralEndsTests : IDisposable
{
    private const int First = 7, Second = 3;
    private readonly TemporaryFolder folder = new();

    public SeveralEndsTests()
    {
        using Device device = Device.Cpu(1);
        using Transformer model = Models.Random(device, Models.Odd with { Ends = new EndTokens(First, Second) }, seed: 1);
        Checkpoint.Save(folder["list"], model, null);
        using Transformer one = Models.Random(device, Models.Odd with { Ends = First }, seed: 1);
        Checkpoint.Save(folder["generation"], one, null);
        File.WriteAllText(Path.Combine(folder["generation"], "generation_config.json"), $$"""{"eos_token_id": [{{First}}, {{Second}}]}""");
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("list")]
    [InlineData("generation")]
    public void Generate_stops_at_either(string model)
    {
        JsonElement[] lines = Cli.Done("generate", "--model", folder[model], "--prompt", "1 2", "--count", "60", "--max-tokens", "20",
            "--json").Json;
        int[][] ids = [.. lines.Select(line => line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        Assert.Equal(ids.Select(r => r[^1] is First or Second), lines.Select(line => line.GetProperty("ended").GetBoolean()));
        Assert.All(ids, response => Assert.DoesNotContain(response[..^1], id => id is First or Second));
        Assert.Equal([Second, First], ids.Select(r => r[^1]).Where(id => id is First or Second).Distinct().Order());
    }

    [Theory]
    [InlineData("list", "[7,3]")]
    [InlineData("generation", "7")]
    public void Sft_takes_responses_as_they_end_and_keeps_the_list_and_generation_config(string model, string written)
    {
        File.WriteAllLines(folder["ids.jsonl"], Enumerable.Range(0, 6)
            .Select(i => $$"""{"prompt_ids":[1,{{8 + i}}],"completion_ids":[{{9 + i}},{{(i % 2 == 0 ? First : Second)}}]}"""));
        Cli.Done("sft", "--base", folder[model], "--data", folder["ids.jsonl"], "--steps", "2", "--held-out", "0.3", "--threads", "1",
            "--out", folder["run"]);
        string final = Path.Combine(folder["run"], "checkpoints", "final");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(final, "config.json")))!;
        Assert.Equal(written, config["eos_token_id"]!.ToJsonString());
        if (model == "generation")
            Assert.Equal(File.ReadAllText(Path.Combine(folder[model], "generation_config.json")),
                File.ReadAllText(Path.Combine(final, "generation_config.json")));
        Assert.Equal([First, Second], TransformerConfig.Load(final).Ends);
    }
}
