using System.Text.Json.Nodes;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Nn;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Training;

/// <summary>What adapters' settings train whole (modules_to_save), by PEFT's rules: neither less nor more.</summary>
public sealed class PeftModulesTests : IDisposable
{
    private const string Table = "base_model.model.model.embed_tokens.weight", Head = "base_model.model.lm_head.weight";

    private static readonly LoraOptions Lora = new() { Rank = 2, Alpha = 4 };

    private readonly TemporaryFolder folder = new();
    private readonly Device device = Device.Cpu(1);

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData(AlsoTrained.Embeddings)]
    [InlineData(AlsoTrained.All)]
    public void A_tied_table_says_that_the_head_stays_tied_and_is_there_under_both_names_as_PEFT_needs_it(AlsoTrained also)
    {
        using Transformer policy = Save("qwen3", Lora with { Also = also });
        Assert.True(Settings()["ensure_weight_tying"]!.GetValue<bool>());
        using (SafetensorsReader file = SafetensorsReader.Open(Path.Combine(folder["adapters"], PeftFiles.Weights)))
            Assert.Equal(file.ReadFloat32(Table), file.ReadFloat32(Head));
        using Transformer loaded = Checkpoint.LoadModel(folder["adapters"], device);
        Assert.Equal(also, loaded.Lora!.Also);
        Assert.True(loaded.HasWeightsOf(policy));
        double trained = policy.Parameters.Where(p => p.Trainable).Sum(p => (double)p.Shape.Count);
        Assert.Equal(trained, Checkpoint.SizeOf(folder["adapters"]).Trained);

        // A file without the head's copy, as this library wrote it before, is the same model.
        Rewrite(name => name != Head, values => values);
        using Transformer without = Checkpoint.LoadModel(folder["adapters"], device);
        Assert.True(without.HasWeightsOf(policy));
    }

    [Fact]
    public void Embeddings_of_a_tied_base_without_the_tie_are_refused_with_the_way_out()
    {
        Save("qwen3", Lora with { Also = AlsoTrained.Embeddings }).Dispose();
        foreach (JsonNode? value in new JsonNode?[] { null, false })
        {
            Change(json => json["ensure_weight_tying"] = value);
            string message = Assert.Throws<InvalidDataException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message;
            Assert.Contains("set ensure_weight_tying to true", message, StringComparison.Ordinal);
            Assert.Contains("tie_word_embeddings", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_head_that_differs_from_the_table_that_it_is_tied_to_is_refused()
    {
        Save("qwen3", Lora with { Also = AlsoTrained.Embeddings }).Dispose();
        Rewrite(_ => true, values => [.. values.Select(x => x + 1)]);
        string message = Assert.Throws<SafetensorsException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message;
        Assert.Contains(Head, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_no_head_is_tied_the_field_is_not_written()
    {
        Save("llama", Lora with { Also = AlsoTrained.All }).Dispose();
        Assert.False(Settings().ContainsKey("ensure_weight_tying"));
        using Transformer loaded = Checkpoint.LoadModel(folder["adapters"], device);
        Assert.Equal(AlsoTrained.All, loaded.Lora!.Also);
    }

    [Theory]
    [InlineData("down_proj", "mlp.down_proj.weight")]
    [InlineData("input_layernorm", "input_layernorm.weight")]
    [InlineData("model.norm", "model.norm.weight")]
    [InlineData("layers.1.self_attn.q_norm", "layers.1.self_attn.q_norm.weight")]
    public void A_module_that_is_no_whole_group_is_trained_alone_and_written_by_its_name(string module, string end)
    {
        using Transformer policy = Save("qwen3", Lora with { Modules = [module] });
        Assert.Equal($"[\"{module}\"]", Settings()["modules_to_save"]!.ToJsonString());
        using Transformer loaded = Checkpoint.LoadModel(folder["adapters"], device);
        Assert.True(loaded.HasWeightsOf(policy));
        string[] whole = [.. loaded.Parameters.Where(p => p.Trainable && !p.Name.Contains("lora_", StringComparison.Ordinal))
            .Select(p => p.Name)];
        Assert.NotEmpty(whole);
        Assert.All(whole, name => Assert.EndsWith(end, name, StringComparison.Ordinal));

        // What is trained whole is not adapted, as in PEFT.
        Assert.DoesNotContain(loaded.Parameters, p => p.Name.Contains($"{module}.lora_", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""["norm"]""", AlsoTrained.Norms)] // every path that ends so
    [InlineData("""["q_norm","k_norm","layernorm","model.norm"]""", AlsoTrained.Norms)]
    [InlineData("""["model.embed_tokens","embed_tokens"]""", AlsoTrained.Embeddings)]
    public void Names_that_are_a_whole_group_are_that_group(string modules, AlsoTrained group)
    {
        using Transformer policy = Save("qwen3", Lora with { Also = group });
        Change(json => json["modules_to_save"] = JsonNode.Parse(modules));
        using Transformer loaded = Checkpoint.LoadModel(folder["adapters"], device);
        Assert.Equal(group, loaded.Lora!.Also);
        Assert.Empty(loaded.Lora.Modules);
        Assert.True(loaded.HasWeightsOf(policy));
    }

    [Theory]
    [InlineData("modules_to_save", "[null]")]
    [InlineData("modules_to_save", "[\"norm\",5]")]
    [InlineData("modules_to_save", "[\"\"]")]
    [InlineData("target_modules", "[\"q_proj\",null]")]
    [InlineData("target_modules", "{}")]
    [InlineData("rank_pattern", "{\"q_proj\":null}")]
    [InlineData("rank_pattern", "[\"q_proj\"]")]
    [InlineData("alpha_pattern", "{\"q_proj\":null}")]
    public void A_list_or_a_pattern_with_a_hole_in_it_is_refused_by_the_field_s_name(string field, string value)
    {
        Save("llama", Lora).Dispose();
        Change(json => json[field] = JsonNode.Parse(value));
        string message = Assert.Throws<InvalidDataException>(() => Checkpoint.LoadModel(folder["adapters"], device)).Message;
        Assert.Contains($"adapter_config.json: {field} = ", message, StringComparison.Ordinal);
    }

    // Adapters of a family's small model, with other values than the base's in all that is trained.
    private Transformer Save(string family, LoraOptions lora)
    {
        new FamilyCase(family).Write(folder["base"], ElementType.BF16);
        using Transformer model = Checkpoint.LoadModel(folder["base"], device, trainable: false);
        Transformer policy = model.Adapted(lora, seed: 1);
        foreach (Parameter p in policy.Parameters.Where(p => p.Trainable)) p.Set([.. p.ToArray().Select((x, i) => x + i % 7)]);
        policy.Base = new AdaptedBase(folder["base"], null);
        Directory.CreateDirectory(folder["adapters"]);
        PeftFiles.Write(folder["adapters"], policy);
        return policy;
    }

    private JsonObject Settings() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(folder["adapters"], PeftFiles.Config)))!.AsObject();

    private void Change(Action<JsonObject> change)
    {
        JsonObject json = Settings();
        change(json);
        File.WriteAllText(Path.Combine(folder["adapters"], PeftFiles.Config), json.ToJsonString());
    }

    // The file with some tensors, and a head of other values.
    private void Rewrite(Func<string, bool> kept, Func<float[], float[]> head)
    {
        string path = Path.Combine(folder["adapters"], PeftFiles.Weights);
        TensorData[] tensors;
        using (SafetensorsReader file = SafetensorsReader.Open(path))
        {
            tensors = [.. file.Entries.Values.Where(e => kept(e.Name)).Select(e =>
                new TensorData(e.Name, e.Shape, e.Name == Head ? head(file.ReadFloat32(e.Name)) : file.ReadFloat32(e.Name)))];
        }

        SafetensorsWriter.Write(path, tensors);
    }
}
