using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;

namespace MiniTransformer.Tests.Cli;

public sealed class SaveDtypeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("gemma3", null, "BF16")]
    [InlineData("gpt2", "float32", "F32")]
    [InlineData("qwen2, window", "float16", "F16")]
    public void A_run_writes_its_models_in_the_type_of_its_base_or_in_the_one_that_is_asked_for(string family, string? asked, string dtype)
    {
        new FamilyCase(family).Write(folder["base"], ElementType.BF16);
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 6)
            .Select(i => $$"""{"prompt_ids":[2,{{i + 3}}],"completion_ids":[{{i + 10}},7,1]}"""));
        string[] sft =
        [
            "sft", "--base", folder["base"], "--data", folder["data.jsonl"], "--steps", "2", "--batch", "3", "--threads", "1", "--out",
            folder["run"],
            .. asked is null ? Array.Empty<string>() : ["--save-dtype", asked],
        ];
        CliResult trained = Cli.Run(sft);
        Assert.True(trained.Code == 0, trained.Error);
        Assert.Equal((dtype, "F32"), (Dtype("run/checkpoints/final"), Dtype("run/checkpoints/last")));
        string[] asDpr = asked is null ? [] : ["--save-dtype", asked];
        CliResult reinforced = Cli.Run(
            ["dpr", "--run", folder["run"], "--updates", "1", "--prompts-per-update", "2", "--max-tokens", "4", "--threads", "1", "--out",
                folder["dpr"], .. asDpr]);
        Assert.True(reinforced.Code == 0, reinforced.Error);
        Assert.Equal(dtype, Dtype("dpr/checkpoints/final"));
        Assert.Equal(TransformerConfig.Load(folder["base"]), TransformerConfig.Load(folder["dpr/checkpoints/final"]));
    }

    [Fact]
    public void A_run_from_a_base_in_shards_resumes_and_refuses_another_base_in_its_place()
    {
        new FamilyCase("mistral").Write(folder["base"], ElementType.F16, shardBytes: 3000);
        File.WriteAllLines(folder["data.jsonl"], Enumerable.Range(0, 6)
            .Select(i => $$"""{"prompt_ids":[2,{{i + 3}}],"completion_ids":[{{i + 10}},7,1]}"""));
        string[] sft = ["sft", "--base", folder["base"], "--data", folder["data.jsonl"], "--steps", "2", "--batch", "3", "--threads", "1",
            "--out", folder["run"]];
        Assert.Equal(0, Cli.Run(sft).Code);
        CliResult resumed = Cli.Run("sft", "--resume", "--out", folder["run"]);
        Assert.True(resumed.Code == 0, resumed.Error);
        string shard = Directory.GetFiles(folder["base"], "model-00002-*")[0];
        byte[] bytes = File.ReadAllBytes(shard);
        bytes[^1] ^= 1;
        File.WriteAllBytes(shard, bytes);
        CliResult refused = Cli.Run("sft", "--resume", "--out", folder["run"]);
        Assert.NotEqual(0, refused.Code);
        Assert.Contains("has changed since the run began", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_type_that_is_none_is_refused() =>
        Assert.Contains("'bf16' is none of float32, float16, bfloat16",
            Cli.Run("sft", "--task", "copy", "--save-dtype", "bf16", "--out", folder["run"]).Error, StringComparison.Ordinal);

    private string Dtype(string model)
    {
        using ITensorFile file = ModelWeights.Open(folder[model]);
        return Assert.Single(file.Entries.Values.Select(e => e.Dtype).Distinct());
    }
}
