using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Optim;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>Adapters in folders: in PEFT's form, with the base's identity, and resumed to the bit.</summary>
public sealed class AdapterCheckpointTests : IDisposable
{
    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 262,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 32,
        BeginId = 256,
        Ends = 257,
    };

    private static readonly Example[] Demonstrations =
        [.. Enumerable.Range(0, 30)
            .Select(i => Example.FromText($"{i}?", new string((char)('a' + i % 7), 1 + i % 4), new ByteTokenizer()))];

    private static readonly SftOptions Options = new() { Steps = 7, BatchSize = 8, LearningRate = 1e-2, Seed = 3 };
    private static readonly LoraOptions Lora = new() { Rank = 2, Alpha = 4, Also = AlsoTrained.Norms };

    private readonly TemporaryFolder folder = new();
    private readonly Device device = Device.Cpu(1);

    public AdapterCheckpointTests()
    {
        using var model = new Transformer(Config, ParameterSource.Random(device, 1));
        Checkpoint.Save(folder["base"], model, new ByteTokenizer(), ElementType.BF16);
    }

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Saved_adapters_load_onto_their_base_bit_for_bit_and_share_it()
    {
        using Transformer policy = Policy();
        LoraTests.Fill(policy, seed: 3);
        Checkpoint.Save(folder["adapters"], policy, new ByteTokenizer());
        Assert.Equal(
            ["SHA256SUMS", "adapter_config.json", "adapter_model.safetensors", "config.json", "tokenizer.json"],
            Directory.EnumerateFiles(folder["adapters"]).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Assert.True(Checkpoint.IsModel(folder["adapters"]));

        using Transformer first = Checkpoint.LoadModel(folder["adapters"], device, trainable: false);
        Assert.True(first.HasWeightsOf(policy));
        Assert.Equal(Checkpoint.Sha256(folder["base"]), first.Base!.Sha256);
        Assert.Equal(257, Checkpoint.LoadTokenizer(folder["adapters"], first.Config, out _)!.Tokens.Ends.First);
        long before = device.PersistentBytes;
        using Transformer second = Checkpoint.LoadModel(folder["adapters"], device, trainable: false),
            third = Checkpoint.LoadModel(folder["adapters"], device);
        long adapters = policy.Parameters.Where(p => p.Trainable).Sum(p => 4L * p.Shape.Count);
        Assert.Equal(2 * adapters, device.PersistentBytes - before); // the base lies in memory once
        ModelSize size = Checkpoint.SizeOf(folder["adapters"]);
        Assert.Equal((Config.ParameterCount, adapters / 4d, true), (size.Parameters, size.Trained, size.IsAdapted));
        Assert.All(third.Parameters, p => Assert.Equal(Lora.Trains(p.Name), p.Trainable));
    }

    [Fact]
    public void A_run_that_is_resumed_ends_with_the_same_bits()
    {
        using Transformer straight = Policy();
        foreach (SftStep _ in Sft.Train(straight, Demonstrations, Options)) { }

        using (Transformer begun = Policy())
        {
            using var optimizer = new AdamW(begun.Parameters, Options.Optimizer);
            foreach (SftStep step in Sft.Train(begun, Demonstrations, Options, optimizer))
            {
                if (step.Step == 3) break;
            }

            Checkpoint.Save(folder["last"], begun, new ByteTokenizer(), optimizer, TrainerState.Sft(3, Options, Demonstrations.Length));
        }

        using Transformer resumed = Policy();
        using var moments = new AdamW(resumed.Parameters, Options.Optimizer);
        Assert.Equal(3, Checkpoint.Resume(folder["last"], resumed, moments).Updates);
        foreach (SftStep _ in Sft.Train(resumed, Demonstrations, Options, moments)) { }
        Assert.True(resumed.HasWeightsOf(straight));
        using Transformer start = Policy();
        Assert.False(resumed.HasWeightsOf(start));
    }

    [Fact]
    public void Adapters_of_another_base_or_with_other_settings_are_neither_resumed_from_nor_put_on_a_loaded_base()
    {
        const string NotTheBase = "is not the base that these adapters were trained on";
        using (Transformer run = Policy())
        {
            using var optimizer = new AdamW(run.Parameters, Options.Optimizer);
            Checkpoint.Save(folder["last"], run, null, optimizer, TrainerState.Sft(0, Options, Demonstrations.Length));
        }

        Assert.Equal(0, Resume(Lora).Updates);
        Assert.Contains(NotTheBase, Refused(Lora, origin: new AdaptedBase("another", new string('0', 64))), StringComparison.Ordinal);
        Assert.Contains("s = 2.5", Refused(Lora with { Alpha = 5 }), StringComparison.Ordinal);
        Assert.Contains("v_proj", Refused(Lora with { Alphas = new Dictionary<string, double> { ["v_proj"] = 5 } }),
            StringComparison.Ordinal);
        Assert.Contains("k_proj", Refused(Lora with { Targets = ["q_proj"] }), StringComparison.Ordinal);
        Assert.Contains("input_layernorm", Refused(Lora with { Also = AlsoTrained.Nothing }), StringComparison.Ordinal);

        using Transformer model = Checkpoint.LoadModel(folder["base"], device, trainable: false);
        Checkpoint.LoadAdapters(folder["last"], model, new AdaptedBase("moved", Checkpoint.Sha256(folder["base"]))).Dispose();
        Assert.Contains(NotTheBase, Assert.Throws<InvalidDataException>(() =>
            Checkpoint.LoadAdapters(folder["last"], model, new AdaptedBase("another", new string('0', 64)))).Message,
            StringComparison.Ordinal);

        string Refused(LoraOptions lora, AdaptedBase? origin = null) =>
            Assert.Throws<InvalidDataException>(() => Resume(lora, origin)).Message;

        TrainerState Resume(LoraOptions lora, AdaptedBase? origin = null)
        {
            using Transformer policy = Policy(lora);
            policy.Base = origin ?? policy.Base;
            using var optimizer = new AdamW(policy.Parameters, Options.Optimizer);
            return Checkpoint.Resume(folder["last"], policy, optimizer);
        }
    }

    [Fact]
    public void Another_base_under_the_same_name_is_refused_and_so_is_none()
    {
        using (Transformer policy = Policy()) Checkpoint.Save(folder["adapters"], policy, null);
        using (var other = new Transformer(Config, ParameterSource.Random(device, 2))) Checkpoint.Save(folder["base"], other,
            new ByteTokenizer(), ElementType.BF16);
        using Device another = Device.Cpu(1);
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.LoadModel(folder["adapters"], another));
        Assert.Contains("is not the base that these adapters were trained on", error.Message, StringComparison.Ordinal);
        Directory.Delete(folder["base"], recursive: true);
        Assert.Contains("base_model_name_or_path",
            Assert.Throws<FileNotFoundException>(() => Checkpoint.LoadModel(folder["adapters"], another)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_is_known_by_the_hashes_that_were_just_verified_and_hashing_hears_a_stop()
    {
        string hash = Checkpoint.Sha256(folder["base"]);
        IReadOnlyDictionary<string, string> verified = Checksums.Verify(folder["base"]);
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], verified.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(hash, Checkpoint.HashOf(folder["base"], verified, default));

        // Nothing is read again: with other hashes the result is another, and a stop is not even heard.
        var others = verified.ToDictionary(v => v.Key, v => new string('0', v.Value.Length));
        Assert.NotEqual(hash, Checkpoint.HashOf(folder["base"], others, new CancellationToken(canceled: true)));

        foreach (bool checksums in new[] { true, false })
        {
            if (!checksums) File.Delete(Path.Combine(folder["base"], Checksums.FileName));
            Assert.Equal(hash, Checkpoint.Sha256(folder["base"]));
            using (IdentifiedModel read = Checkpoint.LoadIdentified(folder["base"], device)) Assert.Equal(hash, read.Sha256);
            Assert.Throws<OperationCanceledException>(() => Checkpoint.Sha256(folder["base"], new CancellationToken(canceled: true)));
        }
    }

    [Fact]
    public void A_folder_as_PEFT_writes_it_loads_with_its_patterns()
    {
        using Transformer model = Checkpoint.LoadModel(folder["base"], device, trainable: false);
        var lora = new LoraOptions
        {
            Rank = 2,
            Alpha = 4,
            Targets = ["q_proj", "down_proj"],
            Ranks = new Dictionary<string, int> { ["layers.1.self_attn.q_proj"] = 3, ["down_.*"] = 1 },
            Alphas = new Dictionary<string, double> { ["q_proj"] = 5 },
            RankStabilised = true,
        };
        using Transformer policy = model.Adapted(lora, seed: 1);
        LoraTests.Fill(policy, seed: 3);
        Assert.Equal([2, 1, 3, 1], policy.Parameters.Where(p => p.Name.Contains("lora_A", StringComparison.Ordinal))
            .Select(p => p.Shape[0]));
        Assert.Equal((float)(5 / Math.Sqrt(3)), lora.ScaleOf("model.layers.1.self_attn.q_proj"));
        Assert.Equal(4f, lora.ScaleOf("model.layers.0.mlp.down_proj"));
        policy.Base = new AdaptedBase(folder["base"], null);
        Directory.CreateDirectory(folder["peft"]);
        PeftFiles.Write(folder["peft"], policy);

        // No config.json, no hash, the targets by a regular expression, and fields of a later version.
        Change("peft", json =>
        {
            json["target_modules"] = @".*\.(q_proj|down_proj)";
            json["eva_config"] = null;
            json["lora_dropout"] = 0.05;
        });
        using Transformer loaded = Checkpoint.LoadModel(folder["peft"], device, trainable: false);
        Assert.True(loaded.HasWeightsOf(policy));
        Assert.All(LoraOptions.Paths(Config), path => Assert.Equal(lora.ScaleOf(path), loaded.Lora!.ScaleOf(path)));
        Assert.IsType<ByteTokenizer>(Checkpoint.LoadTokenizer(folder["peft"], Checkpoint.LoadConfig(folder["peft"]), out _));
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("bias", "\"all\"")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("layers_to_transform", "[0]")]
    [InlineData("modules_to_save", "[\"score\"]")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("use_rslora", "\"true\"")]
    [InlineData("modules_to_save", "\"norm\"")]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"")]
    [InlineData("init_lora_weights", "\"olora\"")]
    [InlineData("base_model_name_or_path", "5")]
    [InlineData("alpha_pattern", "{\"q_proj\": -3}")]
    [InlineData("r", "0")]
    [InlineData("lora_alpha", "\"much\"")]
    [InlineData("rank_pattern", "{\"q_(proj\": 2}")]
    public void What_is_not_implemented_is_refused_by_the_field_s_name(string field, string value)
    {
        using (Transformer policy = Policy()) Checkpoint.Save(folder["adapters"], policy, null);
        File.Delete(Path.Combine(folder["adapters"], "SHA256SUMS"));
        Change("adapters", json => json[field] = JsonNode.Parse(value));
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.LoadModel(folder["adapters"], device));
        Assert.Contains("adapter_config.json", error.Message, StringComparison.Ordinal);
        string said = field switch { "r" => "rank", "alpha_pattern" => "alpha must be positive", "lora_alpha" or "rank_pattern" => "a field has a value of another kind", _ => field };
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_weight_that_the_settings_do_not_name_is_refused_as_it_would_be_lost_on_saving()
    {
        using (Transformer policy = Policy()) Checkpoint.Save(folder["adapters"], policy, null);
        File.Delete(Path.Combine(folder["adapters"], "SHA256SUMS"));
        Change("adapters", json => json["modules_to_save"] = null);
        string message = Assert.Throws<SafetensorsException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message;
        Assert.Contains("norm.weight", message, StringComparison.Ordinal);
        Assert.Contains("modules_to_save", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Factors_that_do_not_fit_are_refused_by_the_tensor_s_name()
    {
        using (Transformer policy = Policy()) Checkpoint.Save(folder["adapters"], policy, null);
        File.Delete(Path.Combine(folder["adapters"], "SHA256SUMS"));
        Change("adapters", json => json["r"] = 3);
        Assert.Contains("q_proj.lora_A.weight",
            Assert.Throws<SafetensorsException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message, StringComparison.Ordinal);
        Change("adapters", json => (json["r"], json["target_modules"]) = (2, new JsonArray("v_proj")));
        Assert.Contains("q_proj", Assert.Throws<SafetensorsException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message,
            StringComparison.Ordinal);
    }

    private Transformer Policy(LoraOptions? lora = null)
    {
        using Transformer model = Checkpoint.LoadModel(folder["base"], device, trainable: false);
        Transformer policy = model.Adapted(lora ?? Lora, seed: 1);
        policy.Base = new AdaptedBase(folder["base"], Checkpoint.Sha256(folder["base"]));
        return policy;
    }

    private void Change(string name, Action<JsonObject> change)
    {
        string path = Path.Combine(folder[name], "adapter_config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
