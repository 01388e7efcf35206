using System.Globalization;
using System.Text.RegularExpressions;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Cli.Options;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

/// <summary>Adapters from the command line, from the base to the merged model.</summary>
public sealed class LoraTests
{
    [Fact]
    public void Adapters_are_trained_resumed_reinforced_scored_and_merged()
    {
        using var folder = new TemporaryFolder();
        Cli.Done(["sft", .. Cli.Tiny, "--steps", "6", "--save-dtype", "bfloat16", "--out", folder["base"], .. Cli.NoCurve]);
        string[] lora = ["sft", "--task", "reverse,sort", "--demonstrations", "60", "--batch", "16", "--threads", "1", "--base",
            folder["base"], "--lora", "r=2,alpha=8,targets=q,v,down", .. Cli.NoCurve];
        string told = Cli.Done([.. lora, "--steps", "4", "--dry-run"]).Out;
        Assert.Contains("frozen in bfloat16", told, StringComparison.Ordinal);

        // What is told before memory is taken does not need the weights.
        string small = Path.Combine(folder["base"], "checkpoints", "final");
        Directory.CreateDirectory(folder["form"]);
        foreach (string name in new[] { "config.json", "tokenizer.json", "trained_prompts.bin" })
        {
            File.Copy(Path.Combine(small, name), Path.Combine(folder["form"], name));
        }
        Assert.Equal(told,
            Cli.Done([.. lora.Select(word => word == folder["base"] ? folder["form"] : word), "--steps", "4", "--dry-run"]).Out);
        Cli.Done([.. lora, "--steps", "4", "--lr", "1e-2", "--checkpoint-every", "2", "--out", folder["run"]]);
        Assert.False(File.Exists(Path.Combine(folder["run"], "checkpoints", "final", "model.safetensors")));
        string[] dpr = ["dpr", "--run", folder["run"], "--prompts-per-update", "8", "--threads", "1", "--checkpoint-every", "1",
            .. Cli.NoCurve];
        Cli.Done([.. dpr, "--updates", "2", "--out", folder["dpr"]]);
        string update = Cli.Done([.. dpr, "--dry-run"]).Out, weights = Path.Combine(small, "model.safetensors");
        File.Move(weights, folder["away"]);
        Assert.Equal(update, Cli.Done([.. dpr, "--dry-run"]).Out);
        File.Move(folder["away"], weights);

        // One update, and one more: the same bits.
        Cli.Done([.. dpr, "--updates", "1", "--warmup", "0", "--out", folder["once"]]);
        Cli.Done("dpr", "--out", folder["once"], "--updates", "2", "--resume");
        Cli.Done([.. dpr, "--updates", "2", "--warmup", "0", "--out", folder["twice"]]);
        Assert.Equal(Adapters("twice"), Adapters("once"));

        // SFT that is interrupted, too.
        string[] interrupted = [.. lora, "--steps", "12", "--lr", "1e-2", "--checkpoint-every", "2"];
        Cli.RunStopped(() => Cli.LinesOfMetrics(folder["stopped"]) > 2, [.. interrupted, "--out", folder["stopped"]]);
        Cli.Done("sft", "--out", folder["stopped"], "--resume");
        Cli.Done([.. interrupted, "--out", folder["through"]]);
        Assert.Equal(Adapters("through"), Adapters("stopped"));

        File.WriteAllText(folder["data.jsonl"], """{"prompt":"reverse: abc","completion":"cba"}""" + "\n");
        CliResult scored = Cli.Done("reward", "--policy", folder["run"], "--reference", "base", "--data", folder["data.jsonl"], "--json",
            "--threads", "1");
        Cli.Done("merge", "--run", folder["run"], "--out", folder["merged"], "--save-dtype", "float32", "--threads", "1");
        CliResult whole = Cli.Done("reward", "--policy", folder["merged"], "--reference", folder["base"], "--data", folder["data.jsonl"],
            "--json", "--threads", "1");
        double[] expected = Numbers(scored), merged = Numbers(whole);
        // log-probabilities of some nats, of another order of products
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], merged[i], 1e-4);
        using (Device device = Device.Cpu(1))
        using (Transformer model = Checkpoint.LoadModel(folder["merged"], device)) Assert.Null(model.Lora);
        Cli.Done("merge", "--run", folder["run"], "--out", folder["merged16"], "--threads", "1");
        Assert.Contains("bfloat16", File.ReadAllText(Path.Combine(folder["merged16"], "config.json")), StringComparison.Ordinal);
        Assert.Contains("no adapters", Cli.Run("merge", "--model", folder["merged"], "--out", folder["again"]).Error,
            StringComparison.Ordinal);

        // The theory's identities hold on an adapted model.
        string[] verify = ["verify", "--cases", "100", "--data", folder["data.jsonl"], "--threads", "1"];
        Assert.Contains("34 of 34 statements hold", Cli.Done([.. verify, "--policy", folder["base"], "--adapter", folder["run"]]).Out,
            StringComparison.Ordinal);
        Assert.Contains("is not the base", Cli.Run([.. verify, "--policy", folder["merged"], "--adapter", folder["run"]]).Error,
            StringComparison.Ordinal);

        string Adapters(string run) =>
            Convert.ToHexString(File.ReadAllBytes(Path.Combine(folder[run], "checkpoints", "final", "adapter_model.safetensors")));

        static double[] Numbers(CliResult result) => [.. result.Json[0].GetProperty("rHat").EnumerateArray().Select(x => x.GetDouble())];
    }

    [Fact]
    public void A_folder_of_PEFT_without_a_config_is_a_model_for_every_command()
    {
        using var folder = new TemporaryFolder();
        string trained = Path.Combine(folder["run"], "checkpoints", "final");
        Cli.Done(["sft", .. Cli.Tiny, "--steps", "2", "--save-dtype", "bfloat16", "--out", folder["base"], .. Cli.NoCurve]);
        Cli.Done(["sft", "--task", "reverse,sort", "--demonstrations", "60", "--batch", "16", "--threads", "1", "--base", folder["base"],
            "--lora", "r=2", "--steps", "1", "--out", folder["run"], .. Cli.NoCurve]);
        Directory.CreateDirectory(folder["peft"]);
        foreach (string name in new[] { "adapter_config.json", "adapter_model.safetensors" })
            File.Copy(Path.Combine(trained, name), Path.Combine(folder["peft"], name));
        File.WriteAllLines(folder["data.jsonl"],
            Enumerable.Range(0, 200).Select(i => $$"""{"prompt":"p{{i}}","completion":"{{i}}","answer":"{{i}}"}"""));

        string[] inspect = ["inspect", "--data", folder["data.jsonl"], "--json", "--model"];
        Assert.Equal(Cli.Done([.. inspect, folder["base"]]).Out, Cli.Done([.. inspect, folder["peft"]]).Out);

        // What goes with the base goes with its adapters.
        using Device device = Device.Cpu(1), dry = Device.DryRun(like: device);
        using Transformer model = Checkpoint.LoadModel(folder["peft"], device, trainable: false),
            blank = Checkpoint.LoadBlank(folder["peft"], dry);
        byte[] prompts = model.Companions.Find("trained_prompts.bin")!;
        Assert.Equal(prompts, blank.Companions.Find("trained_prompts.bin"));
        Assert.Equal(prompts, Checkpoint.LoadConfig(folder["peft"]).Companions.Find("trained_prompts.bin"));

        // Of adapters the base stays frozen, and less is trained than of a whole model.
        string[] compare = ["compare", "--regimes", "none", "--data", folder["data.jsonl"], "--verify", "exact", "--threads", "1",
            "--dry-run", "--base"];
        double[] whole = Memory(folder["base"]), adapted = Memory(folder["peft"]);
        Assert.Equal(2, whole.Length);
        Assert.All(whole.Zip(adapted), pair => Assert.True(pair.Second < pair.First, $"{pair.Second} MB, not less than {pair.First}"));

        double[] Memory(string named) =>
            [.. Regex.Matches(Cli.Done([.. compare, named]).Out, @"(?:SFT|DPR) +([\d.]+)").Select(m =>
                double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void The_flag_says_rank_alpha_scale_and_targets_in_any_order()
    {
        LoraOptions lora = LoraFlag.Parse("targets=q,v,rslora,r=4", "norms,embeddings");
        Assert.Equal((4, 8.0, true, AlsoTrained.Norms | AlsoTrained.Embeddings), (lora.Rank, lora.Alpha, lora.RankStabilised, lora.Also));
        Assert.Equal(["q_proj", "v_proj"], lora.Targets);
        Assert.Equal(LoraOptions.Projections, LoraFlag.Parse("r=8,alpha=1,targets=all", null).Targets);
        Assert.Equal(LoraOptions.Projections, LoraFlag.Parse("all", null).Targets);
        Assert.False(LoraFlag.Parse("rslora=false", null).RankStabilised);
    }

    [Theory]
    [InlineData("r=0", null, "'r=0'")]
    [InlineData("rank=4", null, "'rank=4'")]
    [InlineData("targets=q,z", null, "'z' is no target")]
    [InlineData("q", null, "'q' is not known")]
    [InlineData("r=4,r=8", null, "r is given twice")]
    [InlineData("targets=q,targets=v", null, "targets is given twice")]
    [InlineData(" , ", null, "--lora is empty")]
    [InlineData("r=4", "biases", "'biases' is not known")]
    public void What_it_does_not_know_is_named(string lora, string? trainable, string message) =>
        Assert.Contains(message, Assert.Throws<UsageException>(() => LoraFlag.Parse(lora, trainable)).Message, StringComparison.Ordinal);

    [Fact]
    public void Adapters_without_a_base_are_refused() => Assert.Contains(
        "--lora adapts a base; name it with --base",
        Cli.Run(["sft", .. Cli.Tiny, "--steps", "1", "--lora", "r=2", "--out", Path.GetTempPath() + Guid.NewGuid()]).Error,
        StringComparison.Ordinal);
}
