using System.Text.Json;
using System.Text.Json.Nodes;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;
using MiniTransformer.Text;

namespace MiniTransformer.Tests.Nn;

public sealed class TransformerConfigTests : IDisposable
{
    // As transformers 4 writes it.
    private const string Version4 = """
        {
          "_name_or_path": "somewhere/tiny", "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
          "bos_token_id": 1, "eos_token_id": 2, "head_dim": 16, "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02,
          "intermediate_size": 172, "max_position_embeddings": 512, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 4,
          "num_hidden_layers": 2, "num_key_value_heads": 2, "pad_token_id": null, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
          "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "float32", "transformers_version": "4.46.0", "use_cache": true, "vocab_size": 259
        }
        """;

    // As transformers 5 writes it.
    private const string Version5 = """
        {
          "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "dtype": "float32",
          "eos_token_id": 2, "head_dim": 16, "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02, "intermediate_size": 172,
          "max_position_embeddings": 512, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 2, "pad_token_id": null, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
          "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}, "tie_word_embeddings": true,
          "transformers_version": "5.0.0", "use_cache": true, "vocab_size": 259
        }
        """;

    private static readonly TransformerConfig Tiny = new()
    {
        VocabSize = 259,
        HiddenSize = 64,
        IntermediateSize = 172,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        MaxPositions = 512,
        RopeTheta = 500000f,
        RmsNormEps = 1e-5f,
        TieEmbeddings = true,
        BeginId = 1,
        Ends = 2,
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Version4)]
    [InlineData(Version5)]
    public void Both_forms_that_Hugging_Face_writes_are_read(string json)
    {
        Assert.Equal(Tiny, Load(json));
        Assert.Equal(Tiny, TransformerConfig.Load(folder["config.json"]));
    }

    [Fact]
    public void Absent_fields_have_Hugging_Face_s_values()
    {
        TransformerConfig config = Load("""
            {"model_type":"llama","vocab_size":300,"hidden_size":48,"intermediate_size":100,"num_hidden_layers":1,"num_attention_heads":6}
            """);
        Assert.Equal(6, config.NumKeyValueHeads);
        Assert.Equal(8, config.HeadDim);
        Assert.Equal(2048, config.MaxPositions);
        Assert.Equal(10000f, config.RopeTheta);
        Assert.Equal(1e-6f, config.RmsNormEps);
        Assert.False(config.TieEmbeddings);
        Assert.Equal((null, null, null), (config.BeginId, config.Ends.First, config.PadId));
    }

    [Theory]
    [InlineData("""{"head_dim":null,"num_key_value_heads":null}""", 16, 4)]
    [InlineData("""{"head_dim":32,"num_key_value_heads":1}""", 32, 1)]
    public void Heads_may_be_left_to_their_defaults_or_be_wider_than_the_model(string changes, int headDim, int keyValueHeads)
    {
        TransformerConfig config = Load(Changed(changes));
        Assert.Equal((headDim, keyValueHeads), (config.HeadDim, config.NumKeyValueHeads));
    }

    [Theory]
    [InlineData("""{"eos_token_id":[2,5]}""", "2, 5")]
    [InlineData("""{"eos_token_id":[]}""", "none")]
    [InlineData("""{"eos_token_id":null}""", "none")]
    [InlineData("""{"eos_token_id":-1}""", "none")]
    [InlineData("""{"eos_token_id":128001}""", "none")]
    [InlineData("""{"eos_token_id":[128001,7,7]}""", "7")]
    public void The_end_tokens_are_all_that_are_tokens(string changes, string ends) => Assert.Equal(ends, $"{Load(Changed(changes)).Ends}");

    [Theory]
    [InlineData("5", "[2,7,5]", "5, 2, 7", "5")]
    [InlineData("[5]", "7", "5, 7", "[5]")]
    [InlineData("[5,7]", "null", "5, 7", "[5,7]")]
    [InlineData("null", "[300,7]", "7", "null")]
    public void End_tokens_of_generation_config_count_too_and_both_files_are_written_back_as_they_came(
        string config, string generation, string ends, string written)
    {
        string generationFile = $$"""{"temperature": 0.6,   "eos_token_id": {{generation}}}""";
        File.WriteAllText(folder["generation_config.json"], generationFile);
        TransformerConfig loaded = Load(Changed($$"""{"eos_token_id":{{config}}}"""));
        Assert.Equal(ends, $"{loaded.Ends}");
        using JsonDocument json = JsonDocument.Parse((loaded with { BeginId = 3 }).ToJson());
        Assert.Equal(written, json.RootElement.GetProperty("eos_token_id").GetRawText().Replace("\n", "").Replace(" ", ""));
        Directory.CreateDirectory(folder["copy"]);
        loaded.Companions.Write(folder["copy"]);
        Assert.Equal(generationFile, File.ReadAllText(Path.Combine(folder["copy"], "generation_config.json")));
        loaded.Save(folder["copy"]);
        Assert.Equal(loaded, TransformerConfig.Load(folder["copy"]));
        Assert.Equal("9", $"{(loaded with { Ends = 9 }).Ends}");
    }

    [Theory]
    [InlineData("{", "generation_config.json")]
    [InlineData("[]", "generation_config.json")]
    [InlineData("""{"eos_token_id":"</s>"}""", "eos_token_id = \"</s>\"")]
    public void A_damaged_generation_config_is_refused(string text, string named)
    {
        File.WriteAllText(folder["generation_config.json"], text);
        Assert.Contains(named, Assert.Throws<TransformerConfigException>(() => Load(Changed("{}"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"rope_theta":null,"rope_parameters":null}""", 10000f)]
    [InlineData("""{"rope_theta":null,"rope_parameters":{"rope_type":"default","rope_theta":1000000}}""", 1000000f)]
    [InlineData("""{"rope_theta":20000,"rope_parameters":{"rope_type":"default","rope_theta":20000.0,"partial_rotary_factor":1.0}}""",
        20000f)]
    [InlineData("""{"rope_theta":null,"rope_scaling":{"rope_type":"default","rope_theta":30000.0}}""", 30000f)]
    [InlineData("""{"rope_theta":40000,"rope_scaling":{"type":"default"}}""", 40000f)]
    public void Theta_is_found_wherever_a_version_puts_it(string changes, float theta) =>
        Assert.Equal(theta, Load(Changed(changes)).RopeTheta);

    [Theory]
    [InlineData(
        """{"use_cache":false,"initializer_range":0.1,"torch_dtype":"bfloat16","something_new":{"a":[1]},"quantization_config":null}""")]
    [InlineData(
        """{"pretraining_tp":null,"layer_types":["full_attention","full_attention"],"sliding_window":null,"is_encoder_decoder":false}""")]
    [InlineData("""{"pruned_heads":{},"partial_rotary_factor":1.0,"attention_dropout":0}""")]
    public void Fields_that_change_nothing_are_passed_over(string changes) => Assert.Equal(Tiny, Load(Changed(changes)));

    // What the message must name: the field, and its value.
    [Theory]
    [InlineData("""{"model_type":"qwen2"}""", "architectures", "LlamaForCausalLM")]
    [InlineData("""{"model_type":"mixtral"}""", "model_type", "\"mixtral\"")]
    [InlineData("""{"architectures":["LlamaForSequenceClassification"]}""", "architectures", "LlamaForSequenceClassification")]
    [InlineData("""{"hidden_act":"gelu"}""", "hidden_act", "\"gelu\"")]
    [InlineData("""{"attention_bias":"yes"}""", "attention_bias", "\"yes\"")]
    [InlineData("""{"mlp_bias":1}""", "mlp_bias", "1")]
    [InlineData("""{"attention_dropout":0.1}""", "attention_dropout", "0.1")]
    [InlineData("""{"rope_scaling":{"type":"dynamic","factor":2.0}}""", "rope_scaling.type", "\"dynamic\"")]
    [InlineData("""{"rope_scaling":{"type":"linear"}}""", "rope_scaling.factor", "missing")]
    [InlineData("""{"rope_scaling":{"type":"linear","factor":0}}""", "rope_scaling.factor", "0")]
    [InlineData("""{"rope_scaling":{"type":"linear","rope_type":"llama3","factor":2.0}}""", "rope_scaling.rope_type", "contradicts")]
    [InlineData("""{"rope_scaling":{"factor":8.0,"rope_type":"llama3"}}""", "rope_scaling.low_freq_factor", "missing")]
    [InlineData("""{"rope_scaling":{"factor":8.0,"rope_type":"linear","low_freq_factor":1.0}}""", "rope_scaling.low_freq_factor", "1.0")]
    [InlineData(
        """{"rope_scaling":{"factor":8.0,"rope_type":"llama3","low_freq_factor":4.0,"high_freq_factor":4.0,"original_max_position_embeddings":64}}""",
        "rope_scaling.high_freq_factor", "must be more than low_freq_factor = 4")]
    [InlineData(
        """{"rope_scaling":{"type":"linear","factor":2.0},"rope_parameters":{"rope_type":"linear","factor":4.0,"rope_theta":500000.0}}""",
        "rope_scaling", "contradicts rope_parameters")]
    [InlineData("""{"rope_scaling":{"rope_type":"longrope","long_factor":[1.0]}}""", "rope_scaling.rope_type", "longrope")]
    [InlineData("""{"rope_interleaved":true}""", "rope_interleaved", "true")]
    [InlineData("""{"use_sliding_window":true}""", "use_sliding_window", "true")]
    [InlineData("""{"vision_config":{"hidden_size":1}}""", "vision_config", "only text")]
    [InlineData("""{"attn_logit_softcapping":50.0}""", "attn_logit_softcapping", "50.0")]
    [InlineData("""{"rope_scaling":{"factor":8.0}}""", "rope_scaling.factor", "8.0")]
    [InlineData("""{"rope_scaling":"linear"}""", "rope_scaling", "\"linear\"")]
    [InlineData("""{"rope_parameters":{"rope_type":"yarn","rope_theta":500000.0}}""", "rope_parameters.rope_type", "\"yarn\"")]
    [InlineData("""{"rope_parameters":{"rope_type":"default","rope_theta":500000.0,"partial_rotary_factor":0.5}}""",
        "rope_parameters.partial_rotary_factor", "0.5")]
    [InlineData("""{"rope_parameters":{"rope_type":"default","rope_theta":10000.0}}""", "rope_parameters.rope_theta", "500000")]
    [InlineData("""{"rope_parameters":{"full_attention":{"rope_type":"default","rope_theta":500000.0}}}""",
        "rope_parameters.full_attention", "rope_type")]
    [InlineData("""{"rope_theta":"10000"}""", "rope_theta", "\"10000\"")]
    [InlineData("""{"rope_theta":0}""", "rope_theta", "0")]
    [InlineData("""{"rope_theta":1e39}""", "rope_theta", "positive float32")]
    [InlineData("""{"rms_norm_eps":-1e-5}""", "rms_norm_eps", "-1E-05")]
    [InlineData("""{"sliding_window":4096}""", "sliding_window", "4096")]
    [InlineData("""{"layer_types":["full_attention","sliding_attention"]}""", "layer_types", "sliding_attention")]
    [InlineData("""{"pretraining_tp":2}""", "pretraining_tp", "2")]
    [InlineData("""{"partial_rotary_factor":0.5}""", "partial_rotary_factor", "0.5")]
    [InlineData("""{"quantization_config":{"quant_method":"gptq"}}""", "quantization_config", "gptq")]
    [InlineData("""{"auto_map":{"AutoModelForCausalLM":"m.M"}}""", "auto_map", "m.M")]
    [InlineData("""{"is_encoder_decoder":true}""", "is_encoder_decoder", "true")]
    [InlineData("""{"final_logit_softcapping":30.0}""", "final_logit_softcapping", "30.0")]
    [InlineData("""{"num_local_experts":8}""", "num_local_experts", "8")]
    [InlineData("""{"vocab_size":null}""", "vocab_size", "missing")]
    [InlineData("""{"hidden_size":null}""", "hidden_size", "missing")]
    [InlineData("""{"vocab_size":"259"}""", "vocab_size", "\"259\"")]
    [InlineData("""{"vocab_size":259.5}""", "vocab_size", "259.5")]
    [InlineData("""{"vocab_size":3000000000}""", "vocab_size", "3000000000")]
    [InlineData("""{"tie_word_embeddings":"yes"}""", "tie_word_embeddings", "\"yes\"")]
    [InlineData("""{"eos_token_id":"end"}""", "eos_token_id", "\"end\"")]
    [InlineData("""{"vocab_size":0}""", "vocab_size", "0")]
    [InlineData("""{"intermediate_size":-1}""", "intermediate_size", "-1")]
    [InlineData("""{"num_hidden_layers":0}""", "num_hidden_layers", "0")]
    [InlineData("""{"num_attention_heads":0}""", "num_attention_heads", "0")]
    [InlineData("""{"num_key_value_heads":0}""", "num_key_value_heads", "0")]
    [InlineData("""{"max_position_embeddings":0}""", "max_position_embeddings", "0")]
    [InlineData("""{"head_dim":0}""", "head_dim", "0")]
    [InlineData("""{"head_dim":null,"hidden_size":66}""", "hidden_size", "66 is not divisible by num_attention_heads = 4")]
    [InlineData("""{"num_key_value_heads":3}""", "num_key_value_heads", "3 does not divide num_attention_heads = 4")]
    [InlineData("""{"head_dim":15}""", "head_dim", "15")]
    [InlineData("""{"head_dim":null,"hidden_size":60}""", "head_dim", "60 / 4")]
    [InlineData("""{"num_attention_heads":64,"num_key_value_heads":64,"head_dim":2000000000}""", "head_dim", "64 × 2000000000")]
    public void What_is_not_implemented_or_contradicts_itself_is_refused_by_field_and_value(string changes, string field, string value)
    {
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => Load(Changed(changes)));
        Assert.Equal(field, e.Field);
        Assert.StartsWith(folder["config.json"], e.Message, StringComparison.Ordinal);
        Assert.Contains(field, e.Message, StringComparison.Ordinal);
        Assert.Contains(value, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"hidden_size\":64,\"hidden_size\":32,\"model_type\":\"llama\"}")]
    [InlineData("{\"hidden_size\":64}")]
    public void What_is_no_config_json_is_refused_by_its_path(string text) =>
        Assert.StartsWith(folder["config.json"], Assert.Throws<TransformerConfigException>(() => Load(text)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_folder_without_config_json_says_what_it_should_hold() =>
        Assert.Contains("model.safetensors", Assert.Throws<FileNotFoundException>(() => TransformerConfig.Load(folder.Path)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void What_is_saved_is_loaded_again_whatever_the_values()
    {
        TransformerConfig[] configs =
        [
            Tiny,
            Tiny with { HeadDim = 24, NumKeyValueHeads = 4, TieEmbeddings = false, BeginId = 256, Ends = 257, PadId = 258 },
            Tiny with { RopeTheta = 12345.678f, RmsNormEps = 1.1920929e-07f },
            Tiny with { RopeTheta = 1e20f, RmsNormEps = 1f, BeginId = null, Ends = EndTokens.None },
        ];
        foreach (TransformerConfig config in configs)
        {
            config.Save(folder.Path);
            Assert.Equal(config, TransformerConfig.Load(folder.Path));
            config.Save(folder["other.json"]);
            Assert.Equal(config, TransformerConfig.Load(folder["other.json"]));
        }
    }

    [Fact]
    public void A_saved_file_says_everything_that_either_version_of_transformers_looks_for()
    {
        (Tiny with { RopeTheta = 10000f, Ends = EndTokens.None }).Save(folder.Path);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(folder["config.json"]));
        JsonElement root = json.RootElement;
        Assert.Equal("LlamaForCausalLM", Assert.Single(root.GetProperty("architectures").EnumerateArray()).GetString());
        Assert.Equal("llama", root.GetProperty("model_type").GetString());
        Assert.Equal("silu", root.GetProperty("hidden_act").GetString());
        Assert.Equal("10000.0", root.GetProperty("rope_theta").GetRawText()); // a float to Python, which transformers 5 insists on
        Assert.Equal("10000.0", root.GetProperty("rope_parameters").GetProperty("rope_theta").GetRawText());
        Assert.Equal("default", root.GetProperty("rope_parameters").GetProperty("rope_type").GetString());
        Assert.Equal("float32", root.GetProperty("dtype").GetString());
        Assert.Equal("float32", root.GetProperty("torch_dtype").GetString());
        Assert.Equal(1e-5, root.GetProperty("rms_norm_eps").GetDouble());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("eos_token_id").ValueKind); // absent, it would be 2
        Assert.Equal(2, root.GetProperty("num_key_value_heads").GetInt32());
        Assert.Equal(16, root.GetProperty("head_dim").GetInt32());
        Assert.True(root.GetProperty("tie_word_embeddings").GetBoolean());
        Assert.False(root.TryGetProperty("rope_scaling", out _));
    }

    [Fact]
    public void A_contradictory_configuration_is_not_saved()
    {
        Assert.Throws<TransformerConfigException>(() => (Tiny with { Ends = 259 }).Save(folder.Path));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_size_left_to_its_default_equals_the_same_size_given()
    {
        Assert.Equal(Tiny, Tiny with { HeadDim = 16 });
        Assert.Equal(Tiny.GetHashCode(), (Tiny with { HeadDim = 16 }).GetHashCode());
        Assert.NotEqual(Tiny, Tiny with { HeadDim = 32 });
        Assert.NotEqual(Tiny, Tiny with { PadId = 0 });
    }

    private TransformerConfig Load(string json)
    {
        File.WriteAllText(folder["config.json"], json);
        return TransformerConfig.Load(folder.Path);
    }

    private static string Changed(string changes)
    {
        JsonObject config = JsonNode.Parse(Version4)!.AsObject();
        foreach ((string field, JsonNode? value) in JsonNode.Parse(changes)!.AsObject()) config[field] = value?.DeepClone();
        return config.ToJsonString();
    }
}
