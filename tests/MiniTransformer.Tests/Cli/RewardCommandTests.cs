using System.Text.Json;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Cli.Commands;
using MiniTransformer.Cli.Invocations;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Cli;

public sealed class RewardCommandTests
{
    // log-softmax over V = 40 in float32 against double: a few units in the last place of numbers below 10.
    private const double Tolerance = 1e-5;

    private static readonly (int[] Prompt, int[] Response)[] Examples =
    [
        ([1, 5, 9], [7, 3, 2]), ([4], [39]), ([0, 0, 11, 30, 2, 2], [8, 8]), ([17, 3], [1, 2, 3, 4, 5, 6, 7, 2]),
    ];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void Json_holds_the_rewards_that_follow_from_the_logits(int keyValueHeads, bool tied)
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer expert = Model(device, 1, keyValueHeads, tied), reference = Model(device, 2, keyValueHeads, tied);
        Checkpoint.Save(folder["expert"], expert, null);
        Checkpoint.Save(folder["reference"], reference, null);
        WriteIds(folder["data.jsonl"]);
        JsonElement[] lines = Cli.Done("reward", "--policy", folder["expert"], "--reference", folder["reference"], "--data",
            folder["data.jsonl"], "--json").Json;
        Assert.Equal(Examples.Length, lines.Length);
        foreach (((int[] prompt, int[] response), JsonElement line) in Examples.Zip(lines))
        {
            Assert.Equal(response, line.GetProperty("ids").EnumerateArray().Select(v => v.GetInt32()));
            Assert.Equal(response.Select(id => $"{id}"), line.GetProperty("tokens").EnumerateArray().Select(v => v.GetString()));
            double[][] q = Logits(expert, prompt, response), qReference = Logits(reference, prompt, response);
            double[] logProb = [.. response.Select((id, t) => q[t][id] - LogSumExp(q[t]))],
                referenceLogProb = [.. response.Select((id, t) => qReference[t][id] - LogSumExp(qReference[t]))];
            double[] rQ = [.. response.Select((id, t) => q[t][id] - (t + 1 < response.Length ? LogSumExp(q[t + 1]) : 0))];
            double[] rHat = [.. logProb.Zip(referenceLogProb, (a, b) => a - b)];
            foreach ((string field, double[] expected) in new[] { ("logProb", logProb), ("referenceLogProb", referenceLogProb), ("rQ", rQ),
                ("shaped", logProb), ("rHat", rHat) })
            {
                double[] values = [.. line.GetProperty(field).EnumerateArray().Select(v => v.GetDouble())];
                Assert.Equal(expected.Length, values.Length);
                for (int t = 0; t < values.Length; t++) Assert.Equal(expected[t], values[t], Tolerance);
                Assert.Equal(expected.Sum(), line.GetProperty("sums").GetProperty(field).GetDouble(), Tolerance * values.Length);
            }
        }
    }

    [Fact]
    public void Values_do_not_depend_on_the_batch_or_the_threads()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer expert = Model(device, 1, 2, false), reference = Model(device, 2, 2, false);
        Checkpoint.Save(folder["expert"], expert, null);
        Checkpoint.Save(folder["reference"], reference, null);
        WriteIds(folder["data.jsonl"]);
        string[] command = ["reward", "--policy", folder["expert"], "--reference", folder["reference"], "--data", folder["data.jsonl"],
            "--json"];
        string together = Cli.Done([.. command, "--batch", "32", "--threads", "2"]).Out;
        Assert.Equal(together, Cli.Done([.. command, "--batch", "1", "--threads", "1"]).Out);
        Cli.Done([.. command, "--batch", "3", "--out", folder["values.jsonl"]]);
        Assert.Equal(together, File.ReadAllText(folder["values.jsonl"]));
    }

    [Fact]
    public void How_many_responses_of_a_file_are_scored_is_said_beside_the_results()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 1, 2, false);
        Checkpoint.Save(folder["model"], model, null);
        WriteIds(folder["data.jsonl"]);
        CliResult scored = Cli.Done("reward", "--policy", folder["model"], "--reference", folder["model"], "--data", folder["data.jsonl"],
            "--json");
        Assert.Contains($"reward: {Examples.Length} of {Examples.Length}", scored.Error, StringComparison.Ordinal);
        Assert.Equal(Examples.Length, scored.Json.Length);
    }

    [Fact]
    public void Models_of_two_families_without_a_tokenizer_are_warned_of()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer llama = Model(device, 1, 2, false), mistral = new(
            Config(40, 2, false) with { Form = TransformerForm.Llama with { ModelType = "mistral" } }, ParameterSource.Random(device, 2));
        Checkpoint.Save(folder["llama"], llama, null);
        Checkpoint.Save(folder["mistral"], mistral, null);
        WriteIds(folder["data.jsonl"]);
        Assert.Contains("neither has a tokenizer", Error("mistral"), StringComparison.Ordinal);
        Assert.DoesNotContain("neither has a tokenizer", Error("llama"), StringComparison.Ordinal);

        string Error(string reference) => Cli.Done(
            "reward", "--policy", folder["llama"], "--reference", folder[reference], "--data", folder["data.jsonl"], "--json").Error;
    }

    [Theory]
    [InlineData(-0.00001f, "+0.0000")]
    [InlineData(0f, "+0.0000")]
    [InlineData(-0.25f, "-0.2500")]
    [InlineData(1.5f, "+1.5000")]
    public void A_reward_has_one_sign(float value, string shown) => Assert.Equal(shown, RewardCommand.Signed(value));

    [Fact]
    public void Text_needs_a_tokenizer_and_shows_its_tokens()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        var tokenizer = new ByteTokenizer();
        using var model = new Transformer(Config(tokenizer.VocabSize, 2, false), ParameterSource.Random(device, 3));
        Checkpoint.Save(folder["model"], model, tokenizer);
        Checkpoint.Save(folder["bare"], model, null);
        File.WriteAllText(folder["text.jsonl"], """{"prompt": "é=", "completion": "ab"}""");
        JsonElement line = Cli.Done("reward", "--policy", folder["bare"], "--reference", folder["model"], "--data", folder["text.jsonl"],
            "--json").Json.Single();
        Assert.Equal(["a", "b", "<end>"], line.GetProperty("tokens").EnumerateArray().Select(v => v.GetString()));
        Assert.Equal(0, line.GetProperty("sums").GetProperty("rHat").GetDouble());
        CliResult refused = Cli.Run("reward", "--policy", folder["bare"], "--reference", folder["bare"], "--data", folder["text.jsonl"],
            "--json");
        Assert.Equal(ExitCode.Failed, refused.Code);
        Assert.Contains("text.jsonl:1:", refused.Error, StringComparison.Ordinal);
        Assert.Contains("no tokenizer", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_without_a_map_and_a_wrong_config_are_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        using Device device = Device.Cpu(1);
        using Transformer model = Model(device, 1, 2, false);
        Checkpoint.Save(folder["whole"], model, null);
        Checkpoint.Save(folder["sharded"], model, null);
        File.Move(Path.Combine(folder["sharded"], "model.safetensors"),
            Path.Combine(folder["sharded"], "model-00001-of-00002.safetensors"));
        File.WriteAllText(Path.Combine(folder["sharded"], "model.safetensors.index.json"), "{}");
        WriteIds(folder["data.jsonl"]);
        Assert.Contains("weight_map",
            Cli.Run("reward", "--policy", folder["sharded"], "--reference", folder["whole"], "--data", folder["data.jsonl"]).Error,
            StringComparison.Ordinal);
        string config = Path.Combine(folder["whole"], "config.json");
        File.WriteAllText(config, File.ReadAllText(config)
            .Replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", StringComparison.Ordinal));
        Assert.Contains("num_hidden_layers",
            Cli.Run("reward", "--policy", folder["whole"], "--reference", folder["whole"], "--data", folder["data.jsonl"]).Error,
            StringComparison.Ordinal);
    }

    private static TransformerConfig Config(int vocabSize, int keyValueHeads, bool tied) => new()
    {
        VocabSize = vocabSize,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumLayers = 2,
        NumHeads = 2,
        NumKeyValueHeads = keyValueHeads,
        MaxPositions = 24,
        TieEmbeddings = tied,
        RopeTheta = 500f,
        RmsNormEps = 1e-6f,
    };

    private static Transformer Model(Device device, ulong seed, int keyValueHeads, bool tied) =>
        new(Config(40, keyValueHeads, tied), ParameterSource.Random(device, seed));

    private static void WriteIds(string path) => File.WriteAllLines(path, Examples.Select(e =>
        $$"""{"prompt_ids": [{{string.Join(',', e.Prompt)}}], "completion_ids": [{{string.Join(',', e.Response)}}]}"""));

    // The logits that predict each response token, from the model's forward pass over the whole sequence alone.
    private static double[][] Logits(Transformer model, int[] prompt, int[] response)
    {
        int[] ids = [.. prompt, .. response];
        using Tape tape = Tape.NoGrad(model.Device);
        float[] all = model.Forward(tape.Sequences(ids)).ToArray();
        int v = model.Config.VocabSize;
        return [.. Enumerable.Range(prompt.Length - 1, response.Length)
            .Select(t => all[(t * v)..((t + 1) * v)].Select(x => (double)x).ToArray())];
    }

    private static double LogSumExp(double[] x)
    {
        double max = x.Max();
        return max + Math.Log(x.Sum(value => Math.Exp(value - max)));
    }
}
