using System.Text.Json.Nodes;
using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Data;
using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Nn.Families;
using MiniTransformer.Ops;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>Every family against its forward pass in double precision, which shares nothing with the library but the files.</summary>
public sealed class FamilyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Cases => [.. FamilyCase.All.Keys];

    public static TheoryData<string, ElementType, bool> Files
    {
        get
        {
            var files = new TheoryData<string, ElementType, bool>();
            foreach (string name in FamilyCase.All.Keys)
            {
                files.Add(name, ElementType.F32, false);
                files.Add(name, ElementType.F16, false);
                files.Add(name, ElementType.BF16, true);
            }

            return files;
        }
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Files))]
    public void Log_probabilities_agree_with_the_family_s_definition_for_every_type_and_sharding(string name, ElementType type,
        bool sharded)
    {
        var family = new FamilyCase(name);
        family.Write(folder["model"], type, sharded ? 3000 : ModelWeights.ShardBytes);
        Assert.Equal(sharded, File.Exists(Path.Combine(folder["model"], ModelWeights.Index)));
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder["model"], device);
        Assert.Equal(type, model.StoredAs);
        int[] ids = Operand.Ids(29, 19, seed: 2);

        // Some hundred float operations in sequence through up to three layers, on log-probabilities of some nats.
        Operand.Close(family.Reference().LogProbs(ids), LogProbs(model, ids), 1e-5, floor: 1);
    }

    [DeviceTheory]
    [OnEveryDevice("llama 3.2")]
    [OnEveryDevice("llama, linear, biased")]
    [OnEveryDevice("mistral")]
    [OnEveryDevice("qwen2, window")]
    [OnEveryDevice("qwen3")]
    [OnEveryDevice("gemma3")]
    [OnEveryDevice("gpt2")]
    public void On_every_device_log_probabilities_and_gradients_agree_with_the_definition(string name, string family)
    {
        var from = new FamilyCase(family);
        from.Write(folder["model"]);
        using Device device = Devices.Open(name);
        using Transformer model = Checkpoint.LoadModel(folder["model"], device);
        int[] ids = Operand.Ids(23, 19, seed: 3);
        float[] weights = Operand.Normal(ids.Length - 1, seed: 5);
        using (Tape tape = Tape.Record(device))
        {
            Tensor logProb = model.Forward(tape.Sequences(ids[..^1])).Reshape(new Shape(ids.Length - 1, 19))
                .GatherLogSoftmax(tape.Ids(ids[1..], new Shape(ids.Length - 1)));
            Operand.Close(from.Reference().LogProbs(ids), logProb.ToArray(), 2e-5, floor: 1);
            tape.Backward(logProb.WeightedSum(tape.Constant(weights, logProb.Shape)));
        }

        Dictionary<string, double[]> at = from.Tensors.ToDictionary(t => t.Key, t => t.Value.Values.Doubles());
        var reference = from.Reference(at);
        double Loss() => reference.LogProbs(ids).Zip(weights, (l, w) => l * w).Sum();
        Family layout = Family.Of(model.Config.Form);
        foreach (IGrouping<string, Parameter> tensor in model.Parameters.GroupBy(p => layout.Stored(p.Name).Tensor))
        {
            // The gradient as the file would have the tensor.
            Parameter[] parts = [.. tensor.OrderBy(p => layout.Stored(p.Name).Part)];
            StoredParameter stored = layout.Stored(parts[0].Name);
            float[][] gradients = Array.ConvertAll(parts, p => p.GradientToArray());
            float[] gradient = stored.Transposed ? stored.ToFile(gradients, parts[0].Shape.ToArray()) : gradients[0];
            double[] values = at.GetValueOrDefault(tensor.Key) ?? at[layout.OtherName(tensor.Key)!];
            double largest = Math.Max(1e-2, gradient.Max(Math.Abs));
            foreach (int i in (int[])[Array.FindIndex(gradient, g => Math.Abs(g) >= largest), gradient.Length / 3, gradient.Length - 1])
            {
                const double h = 1e-5;
                int element = Math.Max(0, i);
                double before = values[element];
                values[element] = before + h;
                double up = Loss();
                values[element] = before - h;
                double expected = (up - Loss()) / (2 * h);
                values[element] = before;
                Assert.True(Math.Abs(expected - gradient[element]) <= 5e-5 * largest,
                    $"{tensor.Key}[{element}]: {gradient[element]:R}, expected {expected:R}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_sampled_token_has_the_bits_of_the_scored_one_alone_and_among_others_on_any_number_of_threads(string name)
    {
        var family = new FamilyCase(name);
        family.Write(folder["model"]);
        int[][] prompts = [.. Models.Examples(9, 19, seed: 9).Select(e => e.PromptIds)];
        float[][]? first = null;
        foreach (int threads in (int[])[1, 2])
        {
            using Device device = Device.Cpu(threads);
            using Transformer model = Checkpoint.LoadModel(folder["model"], device);
            foreach (int batch in (int[])[1, 4, 9])
            {
                SampledResponse[] responses = Sampler.Generate(model, prompts, EndTokens.None,
                    new SamplingOptions { MaxTokens = 24, BatchSize = batch });
                var examples = new ResponseBatch([.. responses.Select((r, i) => new Example(prompts[i], r.Ids))]);
                using Tape tape = Tape.Record(device);
                float[] scored = model.Rows(tape, examples).LogProb(tape.Targets(examples)).ToArray();
                Operand.Identical(scored, [.. responses.SelectMany(r => r.LogProbs)]);
                first ??= [.. responses.Select(r => r.LogProbs)];
                for (int i = 0; i < prompts.Length; i++) Operand.Identical(first[i], responses[i].LogProbs);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void What_is_saved_again_has_the_same_tensors_to_the_bit_and_the_same_configuration(string name, ElementType type, bool sharded)
    {
        var family = new FamilyCase(name);
        family.Write(folder["model"], type);
        using Device device = Device.Cpu(1);
        using Transformer model = Checkpoint.LoadModel(folder["model"], device);
        Checkpoint.Save(folder["again"], model, null, shardBytes: sharded ? 3000 : ModelWeights.ShardBytes);
        Assert.Equal(TransformerConfig.Load(folder["model"]), TransformerConfig.Load(folder["again"]));

        // The configuration is the file's own, but for the type of the weights.
        JsonObject written = JsonNode.Parse(File.ReadAllText(Path.Combine(folder["again"], "config.json")))!.AsObject();
        foreach ((string field, JsonNode? value) in family.Config)
            if (field is not ("torch_dtype" or "dtype")) Assert.True(JsonNode.DeepEquals(value, written[field]), field);
        Assert.Equal(type.Name(), (written["torch_dtype"] ?? written["dtype"])?.GetValue<string>() ?? "float32");
        using ITensorFile from = ModelWeights.Open(folder["model"]), to = ModelWeights.Open(folder["again"]);
        string prefix = name == "gpt2" ? "transformer." : ""; // is written
        string[] kept = [.. from.Entries.Keys.Where(n => !n.EndsWith(".attn.bias", StringComparison.Ordinal))];
        Assert.Equal(kept.Select(n => prefix + n).Order(), to.Entries.Keys.Order());
        foreach (string tensor in kept)
        {
            TensorEntry a = from.Entry(tensor), b = to.Entry(prefix + tensor);
            Assert.Equal((a.Dtype, TensorEntry.Show(a.Shape)), (b.Dtype, TensorEntry.Show(b.Shape)));
            float[] x = new float[a.Count], y = new float[a.Count];
            from.ReadFloat32(tensor, 0, x);
            to.ReadFloat32(prefix + tensor, 0, y);
            Operand.Identical(x, y);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_configuration_that_was_changed_is_written_from_its_fields_and_means_the_same(string name)
    {
        var family = new FamilyCase(name);
        family.Write(folder["model"]);
        TransformerConfig config = TransformerConfig.Load(folder["model"]) with { PadId = 5 };
        config.Save(folder["config.json"]);
        Assert.Equal(config, TransformerConfig.Load(folder["config.json"]));
        Assert.Equal(config.ParameterShapes().Sum(p => p.Shape.Aggregate(1L, (product, size) => product * size)), config.ParameterCount);
        Assert.NotEqual(config, config with { Form = config.Form with { QkvBias = !config.Form.QkvBias } });
    }

    // What model cards and torch's numel() over the checkpoints say; tied heads count once.
    [Theory]
    [InlineData(494_032_768,
        """{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864, "max_position_embeddings": 32768, "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936}""")]
    [InlineData(596_049_920,
        """{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 40960, "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_theta": 1000000, "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936}""")]
    [InlineData(268_098_176,
        """{"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640, "intermediate_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 4, "num_hidden_layers": 18, "num_key_value_heads": 1, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000.0, "rope_theta": 1000000.0, "sliding_window": 512, "sliding_window_pattern": 6, "vocab_size": 262144}""")]
    [InlineData(124_439_808,
        """{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}""")]
    public void The_number_of_parameters_is_the_published_one(long published, string config)
    {
        File.WriteAllText(folder["config.json"], config);
        Assert.Equal(published, TransformerConfig.Load(folder["config.json"]).ParameterCount);
    }

    // Read by its family or not, what is not implemented is named before any weight is looked at: the folder has none.
    [Theory]
    [InlineData("qwen2", """{"model_type":"qwen2_moe"}""", "model_type", "qwen2_moe")]
    [InlineData("qwen2", """{"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":32768}}""", "rope_scaling.type",
        "yarn")]
    [InlineData("qwen2", """{"use_mrope":true}""", "use_mrope", "true")]
    [InlineData("qwen2", """{"layer_types":["full_attention","sliding_attention"]}""", "layer_types", "use_sliding_window")]
    [InlineData("qwen2, window", """{"sliding_window":0}""", "sliding_window", "0")]
    [InlineData("qwen2, window", """{"layer_types":["full_attention"]}""", "layer_types", "1 entries")]
    [InlineData("qwen3", """{"num_experts":128}""", "num_experts", "128")]
    [InlineData("qwen3", """{"quantization_config":{"quant_method":"fp8"}}""", "quantization_config", "fp8")]
    [InlineData("mistral", """{"layer_types":["full_attention","sliding_attention"]}""", "layer_types", "full_attention")]
    [InlineData("mistral", """{"attention_bias":true}""", "attention_bias", "true")]
    [InlineData("mistral", """{"hidden_act":"gelu"}""", "hidden_act", "gelu")]
    [InlineData("gemma3", """{"final_logit_softcapping":30.0}""", "final_logit_softcapping", "30.0")]
    [InlineData("gemma3", """{"attn_logit_softcapping":50.0}""", "attn_logit_softcapping", "50.0")]
    [InlineData("gemma3", """{"hidden_activation":"silu"}""", "hidden_activation", "silu")]
    [InlineData("gemma3", """{"use_bidirectional_attention":true}""", "use_bidirectional_attention", "true")]
    [InlineData("gemma3", """{"vision_config":{"model_type":"siglip"}}""", "vision_config", "siglip")]
    [InlineData("gemma3", """{"model_type":"gemma3","architectures":["Gemma3ForConditionalGeneration"]}""", "model_type", "gemma3")]
    [InlineData("gemma3", """{"model_type":"gemma2","architectures":["Gemma2ForCausalLM"]}""", "model_type", "gemma2")]
    [InlineData("gemma3", """{"query_pre_attn_scalar":0}""", "query_pre_attn_scalar", "0")]
    [InlineData("gemma3", """{"sliding_window_pattern":0}""", "sliding_window_pattern", "0")]
    [InlineData("gemma3", """{"layer_types":["full_attention","chunked_attention","full_attention"]}""", "layer_types",
        "chunked_attention")]
    [InlineData("gpt2", """{"activation_function":"relu"}""", "activation_function", "relu")]
    [InlineData("gpt2", """{"scale_attn_by_inverse_layer_idx":true}""", "scale_attn_by_inverse_layer_idx", "true")]
    [InlineData("gpt2", """{"scale_attn_weights":false}""", "scale_attn_weights", "false")]
    [InlineData("gpt2", """{"add_cross_attention":true}""", "add_cross_attention", "true")]
    [InlineData("gpt2", """{"n_embd":0}""", "n_embd", "0")]
    [InlineData("gpt2", """{"n_head":5}""", "n_embd", "n_head = 5")]
    public void What_a_family_does_not_have_is_refused_by_field_and_value(string name, string changes, string field, string value)
    {
        var family = new FamilyCase(name);
        foreach ((string changed, JsonNode? to) in JsonNode.Parse(changes)!.AsObject()) family.Config[changed] = to?.DeepClone();
        File.WriteAllText(folder["config.json"], family.Config.ToJsonString());
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => TransformerConfig.Load(folder.Path));
        Assert.Equal(field, e.Field);
        Assert.Contains(value, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mistral", """{"model_type":"mistral"}""", "4096")]
    [InlineData("qwen3", """{"model_type":"qwen3"}""", "128")]
    [InlineData("gemma3", """{"model_type":"gemma3_text"}""", "256, 256, 4096, 4096, 4096, 4096, 4096, 0, True")]
    public void An_absent_field_means_what_it_means_to_Hugging_Face(string family, string config, string expected)
    {
        JsonObject json = JsonNode.Parse(config)!.AsObject();
        foreach ((string field, int size) in new (string, int)[]
            { ("vocab_size", 9), ("hidden_size", 32), ("intermediate_size", 8), ("num_hidden_layers", 6),
                ("num_attention_heads", 4) }) json[field] = size;
        File.WriteAllText(folder["config.json"], json.ToJsonString());
        TransformerConfig c = TransformerConfig.Load(folder.Path);
        Assert.Equal(4, c.NumKeyValueHeads);
        Assert.Equal(expected, family switch
        {
            "mistral" => $"{c.Form.Windows![5]}",
            "qwen3" => $"{c.HeadDim}",
            _ =>
                $"{c.HeadDim}, {c.Form.QueryScalar}, {string.Join(", ", Enumerable.Range(0, 6).Select(i => c.Form.Windows![i]))}, "
                    + $"{c.TieEmbeddings}",
        });
    }

    // Numbers of weights as they were published, from the fields of each model's config.json alone.
    [Theory]
    [InlineData("llama", 8_030_261_248, 128256, 4096, 14336, 32, 32, 8, "{}")] // Llama 3.1 8B
    [InlineData("mistral", 7_248_023_552, 32768, 4096, 14336, 32, 32, 8, "{}")] // Mistral 7B v0.3
    [InlineData("qwen2", 494_032_768, 151936, 896, 4864, 24, 14, 2, """{"tie_word_embeddings":true}""")] // Qwen2.5 0.5B
    [InlineData("qwen3", 596_049_920, 151936, 1024, 3072, 28, 16, 8, """{"tie_word_embeddings":true}""")] // Qwen3 0.6B
    [InlineData("gemma3_text", 999_885_952, 262144, 1152, 6912, 26, 4, 1, "{}")] // Gemma 3 1B
    [InlineData("gpt2", 124_439_808, 50257, 768, 3072, 12, 12, 12, "{}")] // GPT-2
    public void A_published_model_has_the_published_number_of_weights(
        string family, long count, int vocab, int hidden, int inner, int layers, int heads, int keyValueHeads, string more)
    {
        JsonObject json = JsonNode.Parse(more)!.AsObject();
        json["model_type"] = family;
        foreach ((string field, int size) in new (string, int)[]
        {
            ("vocab_size", vocab), ("hidden_size", hidden), ("intermediate_size", inner), ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", keyValueHeads),
        }) json[field] = size;
        File.WriteAllText(folder["config.json"], json.ToJsonString());
        Assert.Equal(count, TransformerConfig.Load(folder.Path).ParameterShapes()
            .Sum(p => p.Shape.Aggregate(1L, (product, size) => product * size)));
    }

    private static float[] LogProbs(Transformer model, int[] ids)
    {
        using Tape tape = Tape.NoGrad(model.Device);
        return model.Forward(tape.Sequences(ids[..^1])).Reshape(new Shape(ids.Length - 1, model.Config.VocabSize))
            .GatherLogSoftmax(tape.Ids(ids[1..], new Shape(ids.Length - 1))).ToArray();
    }
}
