using System.Text.Json.Nodes;
using MiniTransformer.Backends;
using MiniTransformer.IO;
using MiniTransformer.Tensors;
using MiniTransformer.Tests.Kernels;
using MiniTransformer.Tests.Reference.Families;

namespace MiniTransformer.Tests.Nn;

/// <summary>A small checkpoint of a family, as files would have it: config.json, and random tensors whose values are exact in every
/// type.</summary>
internal sealed class FamilyCase
{
    private const string Llama = """
        {"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_act":"silu","hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
        "num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,"max_position_embeddings":64,"rms_norm_eps":1e-5,"vocab_size":19,
        "initializer_range":0.02,"use_cache":true,"transformers_version":"4.46.0","bos_token_id":1,"eos_token_id":2,"torch_dtype":"float32"}
        """;

    private const string Gemma = """
        {"model_type":"gemma3_text","architectures":["Gemma3ForCausalLM"],"hidden_activation":"gelu_pytorch_tanh","hidden_size":12,"intermediate_size":20,
        "num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":1,"head_dim":6,"max_position_embeddings":64,"rms_norm_eps":1e-6,"vocab_size":19,
        "attn_logit_softcapping":null,"final_logit_softcapping":null,"attention_bias":false,"cache_implementation":"hybrid","query_pre_attn_scalar":10,
        "rope_local_base_freq":100.0,"rope_theta":1000.0,"rope_scaling":null,"sliding_window":4,"sliding_window_pattern":3,"pad_token_id":0,
        "eos_token_id":[1,3],"bos_token_id":2,"torch_dtype":"bfloat16"}
        """;

    private const string Gpt = """
        {"model_type":"gpt2","architectures":["GPT2LMHeadModel"],"activation_function":"gelu_new","n_embd":12,"n_head":4,"n_layer":2,"n_positions":64,"n_ctx":64,
        "n_inner":null,"layer_norm_epsilon":1e-5,"vocab_size":19,"attn_pdrop":0.1,"embd_pdrop":0.1,"resid_pdrop":0.1,"reorder_and_upcast_attn":false,
        "scale_attn_by_inverse_layer_idx":false,"scale_attn_weights":true,"summary_use_proj":true,"bos_token_id":18,"eos_token_id":18}
        """;

    /// <summary>The cases by name: a base and what is changed in it.</summary>
    public static readonly IReadOnlyDictionary<string, (string Base, string Changes)> All = new Dictionary<string, (string, string)>
    {
        ["llama"] = (Llama, """{"tie_word_embeddings":false,"pretraining_tp":1}"""),
        ["llama, few fields"] = (Llama, """{"num_key_value_heads":null,"head_dim":null,"hidden_size":24,"rms_norm_eps":null}"""),
        ["llama 3.2"] = (Llama, """
            {"tie_word_embeddings":true,"rope_theta":50.0,"rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
            "original_max_position_embeddings":16,"rope_type":"llama3"}}
            """),
        ["llama 3.2 of transformers 5"] = (Llama, """
            {"tie_word_embeddings":true,"torch_dtype":null,"dtype":"bfloat16","rope_parameters":{"rope_theta":50.0,"factor":8.0,"low_freq_factor":1.0,
            "high_freq_factor":4.0,"original_max_position_embeddings":16,"rope_type":"llama3"}}
            """),
        ["llama, linear, biased"] = (Llama, """{"attention_bias":true,"mlp_bias":true,"rope_scaling":{"type":"linear","factor":4.0}}"""),
        ["mistral"] = (Llama,
            """{"model_type":"mistral","architectures":["MistralForCausalLM"],"sliding_window":5,"head_dim":null,"hidden_size":24}"""),
        ["mistral, no window"] = (Llama,
            """{"model_type":"mistral","architectures":["MistralForCausalLM"],"sliding_window":null,"rope_theta":1000000.0}"""),
        ["qwen2"] = (Llama, """
            {"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"use_sliding_window":false,"sliding_window":3,"max_window_layers":1,"head_dim":null,
            "hidden_size":24,"tie_word_embeddings":true,"rope_theta":1000000.0,"use_mrope":false}
            """),
        ["qwen2, window"] = (Llama, """
            {"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"use_sliding_window":true,"sliding_window":3,"max_window_layers":1}
            """),
        ["qwen3"] = (Llama, """
            {"model_type":"qwen3","architectures":["Qwen3ForCausalLM"],"use_sliding_window":false,"sliding_window":null,"max_window_layers":2,
            "attention_bias":false,"tie_word_embeddings":true,"layer_types":["full_attention","full_attention"]}
            """),
        ["gemma3"] = (Gemma, "{}"),
        ["gemma3, layer types"] = (Gemma, """
            {"layer_types":["full_attention","sliding_attention","full_attention"],"sliding_window_pattern":null,"_sliding_window_pattern":6,
            "use_bidirectional_attention":false,"rope_scaling":{"rope_type":"linear","factor":8.0}}
            """),
        ["gemma3 of transformers 5"] = (Gemma, """
            {"rope_theta":null,"rope_local_base_freq":null,"rope_scaling":null,"sliding_window_pattern":null,
            "layer_types":["sliding_attention","full_attention","sliding_attention"],"rope_parameters":{
            "full_attention":{"rope_type":"linear","factor":4.0,"rope_theta":5000.0},"sliding_attention":{"rope_type":"default","rope_theta":70.0}}}
            """),
        ["gpt2"] = (Gpt, "{}"),
        ["gpt2 with a prefix, untied"] = (Gpt, """{"tie_word_embeddings":false,"n_inner":20}"""),
    };

    private readonly Rng rng = new(7);

    public FamilyCase(string name)
    {
        (string json, string changes) = All[name];
        Config = JsonNode.Parse(json)!.AsObject();
        foreach ((string field, JsonNode? value) in JsonNode.Parse(changes)!.AsObject())
        {
            if (value is null && field is not ("sliding_window" or "rope_scaling" or "tie_word_embeddings")) Config.Remove(field);
            else Config[field] = value?.DeepClone();
        }

        if (Text("model_type") == "gpt2") AddGpt(Prefix = name == "gpt2" ? "" : "transformer.");
        else AddLlama(Text("model_type"));
    }

    public JsonObject Config { get; }

    public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

    private string Prefix { get; } = "";

    /// <summary>The forward pass in double precision, on these tensors or on others.</summary>
    public Checkpoint64 Reference(IReadOnlyDictionary<string, double[]>? tensors = null)
    {
        tensors ??= Tensors.ToDictionary(t => t.Key, t => t.Value.Values.Doubles());
        return Text("model_type") switch
        {
            "llama" => new Llama64(Config, tensors),
            "mistral" => new Mistral64(Config, tensors),
            "qwen2" or "qwen3" => new Qwen64(Config, tensors),
            "gemma3_text" => new Gemma64(Config, tensors),
            _ => new Gpt64(Config, tensors, Prefix),
        };
    }

    /// <summary>Writes the folder of the checkpoint.</summary>
    public void Write(string folder, ElementType type = ElementType.F32, long shardBytes = ModelWeights.ShardBytes)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), Config.ToJsonString());
        ModelWeights.Write(
            folder, Tensors.Select(t => new TensorData(t.Key, t.Value.Shape, t.Value.Values) { Type = type }),
            new Dictionary<string, string> { ["format"] = "pt" },
            shardBytes);
    }

    private string Text(string field) => Config[field]!.GetValue<string>();

    private int Size(string field, int absent = 0) => Config[field]?.GetValue<int>() ?? absent;

    private bool Flag(string field, bool absent = false) => Config[field]?.GetValue<bool>() ?? absent;

    // Multiples of 1/256 below 1: exact in float16 and bfloat16 too.
    private void Add(string name, double mean, double deviation, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(Math.Clamp(Math.Round(256 * (mean + deviation * rng.NextNormal())), -255, 255) / 256);
        }
        Tensors.Add(name, (shape, values));
    }

    private void Linear(string name, long dOut, long dIn, bool biased)
    {
        Add(name + ".weight", 0, 0.25, dOut, dIn);
        if (biased) Add(name + ".bias", 0, 0.3, dOut);
    }

    private void AddLlama(string family)
    {
        int c = Size("hidden_size"), h = Size("num_attention_heads"), hkv = Size("num_key_value_heads", h), d = Size("head_dim", c / h);
        int inner = Size("intermediate_size");
        bool qkv = family == "qwen2"
            || Flag("attention_bias"), o = family == "llama" && qkv, mlp = Flag("mlp_bias"), gemma = family == "gemma3_text";
        double norm = gemma ? 0 : 0.7;
        Add("model.embed_tokens.weight", 0, 0.4, Size("vocab_size"), c);
        for (int layer = 0; layer < Size("num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            Add(at + "input_layernorm.weight", norm, 0.2, c);
            Linear(at + "self_attn.q_proj", h * d, c, qkv);
            Linear(at + "self_attn.k_proj", hkv * d, c, qkv);
            Linear(at + "self_attn.v_proj", hkv * d, c, qkv);
            Linear(at + "self_attn.o_proj", c, h * d, o);
            if (gemma || family == "qwen3")
            {
                Add(at + "self_attn.q_norm.weight", norm, 0.2, d);
                Add(at + "self_attn.k_norm.weight", norm, 0.2, d);
            }

            Add(at + "post_attention_layernorm.weight", norm, 0.2, c);
            if (gemma)
            {
                Add(at + "pre_feedforward_layernorm.weight", norm, 0.2, c);
                Add(at + "post_feedforward_layernorm.weight", norm, 0.2, c);
            }

            Linear(at + "mlp.gate_proj", inner, c, mlp);
            Linear(at + "mlp.up_proj", inner, c, mlp);
            Linear(at + "mlp.down_proj", c, inner, mlp);
        }

        Add("model.norm.weight", norm, 0.2, c);
        if (!Flag("tie_word_embeddings", gemma)) Linear("lm_head", Size("vocab_size"), c, false);
    }

    private void AddGpt(string prefix)
    {
        int c = Size("n_embd"), inner = Size("n_inner", 4 * c);
        Add(prefix + "wte.weight", 0, 0.4, Size("vocab_size"), c);
        Add(prefix + "wpe.weight", 0, 0.2, Size("n_positions"), c);
        for (int layer = 0; layer < Size("n_layer"); layer++)
        {
            string at = $"{prefix}h.{layer}.";
            Both(at + "ln_1", 0.7, c);
            if (prefix.Length == 0) Tensors.Add(at + "attn.bias", ([1, 1, 64, 64], new float[64 * 64])); // the mask of old files
            Both(at + "attn.c_attn", 0, c, 3 * c);
            Both(at + "attn.c_proj", 0, c, c);
            Both(at + "ln_2", 0.7, c);
            Both(at + "mlp.c_fc", 0, c, inner);
            Both(at + "mlp.c_proj", 0, inner, c);
        }

        Both(prefix + "ln_f", 0.7, c);
        if (!Flag("tie_word_embeddings", true)) Linear("lm_head", Size("vocab_size"), c, false);

        void Both(string name, double mean, params long[] shape)
        {
            Add(name + ".weight", mean, 0.25, shape);
            Add(name + ".bias", 0, 0.2, shape[^1]);
        }
    }
}
