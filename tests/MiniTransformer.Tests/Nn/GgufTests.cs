using MiniTransformer.Autograd;
using MiniTransformer.Backends;
using MiniTransformer.Nn;
using MiniTransformer.Nn.Gguf;
using MiniTransformer.Tests.IO;
using MiniTransformer.Tests.Text.Bpe;
using MiniTransformer.Text;
using MiniTransformer.Training;

namespace MiniTransformer.Tests.Nn;

/// <summary>A GGUF file holds the model: llama.cpp itself judges that in .ci/judges, and these tests keep what it found right.</summary>
public sealed class GgufTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Device device = Device.Cpu(1);

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    private GgufFile Export(Transformer model, ITokenizer? tokenizer = null, ElementType? type = null)
    {
        GgufModel.Write(folder["model.gguf"], model, tokenizer, type);
        return new GgufFile(folder["model.gguf"]);
    }

    private Transformer Load(string name)
    {
        new FamilyCase(name).Write(folder[name]);
        return Checkpoint.LoadModel(folder[name], device);
    }

    private static float[] Values(Transformer model, string name) => model.Parameters.Single(p => p.Name == name).ToArray();

    [Fact]
    public void Sizes_stand_under_the_architectures_keys()
    {
        using Transformer model = Models.Random(device, Models.Odd, seed: 1);
        GgufFile file = Export(model);
        Assert.Equal("llama", file.Fields["general.architecture"]);
        Assert.Equal("no_vocab", file.Fields["tokenizer.ggml.model"]);
        (string, uint)[] sizes = [("vocab_size", 19), ("context_length", 40), ("embedding_length", 12), ("block_count", 2),
            ("feed_forward_length", 21),
            ("attention.head_count", 4), ("attention.head_count_kv", 2), ("attention.key_length", 6), ("rope.dimension_count", 6)];
        Assert.All(sizes, size => Assert.Equal(size.Item2, file.Fields["llama." + size.Item1]));
        Assert.Equal(1e-5f, file.Fields["llama.attention.layer_norm_rms_epsilon"]);
        Assert.Equal(Values(model, "model.layers.1.mlp.down_proj.weight"), file.Tensors["blk.1.ffn_down.weight"].Values);
        Assert.Equal([12L, 21L], file.Tensors["blk.1.ffn_down.weight"].Shape);
        Assert.Equal(Values(model, "lm_head.weight"), file.Tensors["output.weight"].Values);
    }

    // The pair (i, i + D/2) that we rotate is the pair (2i, 2i + 1) there, head by head.
    [Fact]
    public void Llamas_rows_of_queries_and_keys_move_so_that_pairs_are_neighbours()
    {
        using Transformer model = Models.Random(device, Models.Odd, seed: 2);
        GgufFile file = Export(model);
        foreach ((string ours, string theirs, int heads) in new[] { ("q_proj", "attn_q", 4), ("k_proj", "attn_k", 2) })
        {
            float[] a = Values(model, $"model.layers.0.self_attn.{ours}.weight"), b = file.Tensors[$"blk.0.{theirs}.weight"].Values;
            for (int head = 0; head < heads; head++)
            {
                for (int i = 0; i < 3; i++)
                {
                    Assert.Equal(Row(a, head * 6 + i), Row(b, head * 6 + 2 * i));
                    Assert.Equal(Row(a, head * 6 + i + 3), Row(b, head * 6 + 2 * i + 1));
                }
            }
        }

        static float[] Row(float[] matrix, int row) => matrix[(row * 12)..((row + 1) * 12)];
    }

    [Fact]
    public void Qwens_rows_stay_and_its_norms_of_heads_are_written()
    {
        using Transformer model = Load("qwen3");
        GgufFile file = Export(model);
        Assert.Equal("qwen3", file.Fields["general.architecture"]);
        Assert.Equal(Values(model, "model.layers.0.self_attn.q_proj.weight"), file.Tensors["blk.0.attn_q.weight"].Values);
        Assert.Equal(Values(model, "model.layers.0.self_attn.k_norm.weight"), file.Tensors["blk.0.attn_k_norm.weight"].Values);
        Assert.DoesNotContain("output.weight", file.Tensors.Keys);
    }

    [Fact]
    public void Llama_3s_frequencies_are_divided_by_factors()
    {
        using Transformer model = Load("llama 3.2");
        float[] factors = Export(model).Tensors["rope_freqs.weight"].Values;
        float[] stretched = RotaryScaling.Frequencies(6, 50, model.Config.Form.Scaling), plain = RotaryScaling.Frequencies(6, 50, null);
        Assert.All(factors.Zip(plain, stretched), pair => Assert.Equal(pair.Third, pair.Second / pair.First, 1e-6f * pair.Third));
        Assert.Contains(factors, factor => factor > 1.5f);
    }

    [Fact]
    public void Gemmas_norms_have_one_added_and_its_query_scale_is_in_the_norm()
    {
        using Transformer model = Load("gemma3");
        GgufFile file = Export(model);
        Assert.Equal((4u, 3u), (file.Fields["gemma3.attention.sliding_window"], file.Fields["gemma3.attention.sliding_window_pattern"]));
        Assert.Equal(Values(model, "model.layers.0.pre_feedforward_layernorm.weight").Select(w => 1 + w),
            file.Tensors["blk.0.ffn_norm.weight"].Values);
        Assert.Equal(Values(model, "model.layers.0.post_attention_layernorm.weight").Select(w => 1 + w),
            file.Tensors["blk.0.post_attention_norm.weight"].Values);
        float[] expected = [.. Values(model, "model.layers.0.self_attn.q_norm.weight").Select(w => (float)((1 + w) * Math.Sqrt(6 / 10.0)))];
        Assert.Equal(expected, file.Tensors["blk.0.attn_q_norm.weight"].Values);
    }

    [Fact]
    public void Gpt2s_queries_keys_and_values_are_one_with_outputs_as_rows()
    {
        using Transformer model = Load("gpt2");
        GgufFile file = Export(model);
        foreach (string kind in new[] { "weight", "bias" })
        {
            float[] all = [.. new[] { "q", "k", "v" }.SelectMany(part => Values(model, $"model.layers.1.self_attn.{part}_proj.{kind}"))];
            Assert.Equal(all, file.Tensors[$"blk.1.attn_qkv.{kind}"].Values);
        }

        Assert.Equal([36L, 12L], file.Tensors["blk.1.attn_qkv.weight"].Shape);
        Assert.Equal(Values(model, "model.embed_positions.weight"), file.Tensors["position_embd.weight"].Values);
    }

    [Theory]
    [InlineData(ElementType.F16, 1u)]
    [InlineData(ElementType.BF16, 30u)]
    public void Matrices_are_of_the_type_that_is_asked_for_and_vectors_float32(ElementType type, uint written)
    {
        using Transformer model = Load("llama"); // whose weights are exact in every type
        GgufFile file = Export(model, type: type);
        Assert.All(file.Tensors, tensor => Assert.Equal(tensor.Value.Shape.Length == 2 ? written : 0u, tensor.Value.Type));
        Assert.Equal(Values(model, "model.embed_tokens.weight"), file.Tensors["token_embd.weight"].Values);
    }

    [Fact]
    public void A_weight_that_a_type_does_not_hold_is_named_and_nothing_is_written()
    {
        using Transformer model = Models.Random(device, Models.Odd, seed: 3);
        Parameter embedding = model.Parameters[0];
        embedding.Set([.. Enumerable.Repeat(70000f, embedding.Shape.Count)]);
        Assert.Contains("'token_embd.weight' has the weight 70000",
            Assert.Throws<ArgumentException>(() => GgufModel.Write(folder["out/model.gguf"], model, null, ElementType.F16)).Message);
        Assert.Empty(Directory.GetFiles(folder["out"]));
    }

    [Theory]
    [InlineData("gemma3, layer types", "layer_types")]
    [InlineData("qwen2, window", "head_dim")]
    public void What_llama_cpp_has_no_model_for_is_refused(string name, string field)
    {
        using Transformer model = Load(name);
        Assert.Contains(field, Assert.Throws<NotSupportedException>(() => Export(model)).Message);
    }

    [Fact]
    public void A_window_that_llama_cpp_has_not_ends_the_context()
    {
        using Transformer model = Load("mistral");
        Assert.Equal(5u, Export(model).Fields["llama.context_length"]);
    }

    [Fact]
    public void A_byte_models_tokens_are_bytes_and_its_markers_control()
    {
        using Transformer model = Models.Random(device, Models.Odd with { VocabSize = 264 }, seed: 4);
        GgufFile file = Export(model, new ByteTokenizer());
        Assert.Equal("gpt2", file.Fields["tokenizer.ggml.model"]);
        object[] tokens = (object[])file.Fields["tokenizer.ggml.tokens"], types = (object[])file.Fields["tokenizer.ggml.token_type"];
        Assert.Equal(["Ġ", "!", "<end>", "[PAD262]"], new[] { tokens[32], tokens[33], tokens[257], tokens[262] });
        Assert.Equal([1, 3, 5], new[] { types[32], types[257], types[262] });
        Assert.Equal((256u, 257u, 258u),
            (file.Fields["tokenizer.ggml.bos_token_id"], file.Fields["tokenizer.ggml.eos_token_id"],
                file.Fields["tokenizer.ggml.padding_token_id"]));
        Assert.Contains("<assistant>", (string)file.Fields["tokenizer.chat_template"]);
    }

    [Fact]
    public void Pieces_have_scores_in_the_order_of_their_merges()
    {
        BpeTokenizer tokenizer = TokenizerSource.Fallback("▁the", "t h", "th e", "▁ the").Tokenizer();
        using Transformer model = Models.Random(device, Models.Odd with { VocabSize = tokenizer.VocabSize }, seed: 5);
        GgufFile file = Export(model, tokenizer);
        object[] tokens = (object[])file.Fields["tokenizer.ggml.tokens"], scores = (object[])file.Fields["tokenizer.ggml.scores"];
        object[] types = (object[])file.Fields["tokenizer.ggml.token_type"];
        Assert.Equal("llama", file.Fields["tokenizer.ggml.model"]);
        Assert.Equal([2, 3, 3, 6], types[..4]);
        Assert.Equal([0f, -1f, -2f], new[] { "th", "the", "▁the" }.Select(token => (float)scores[Array.IndexOf(tokens, token)]));
        Assert.Equal((true, true), (file.Fields["tokenizer.ggml.add_space_prefix"], file.Fields["tokenizer.ggml.add_bos_token"]));
    }

    [Theory]
    [InlineData("""{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}""", "gpt-2")]
    [InlineData(
        """{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "use_regex": true}]}""", "smollm")]
    [InlineData("""
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex":
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated"},
        {"type": "ByteLevel", "use_regex": false}]}
        """, "llama-bpe")]
    [InlineData("""
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex":
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated"},
        {"type": "ByteLevel", "use_regex": false}]}
        """, "qwen2")]
    public void The_words_pattern_has_llama_cpps_name(string preTokenizer, string name)
    {
        System.Text.Json.Nodes.JsonObject source = TokenizerSource.ByteLevel("t h");
        source["pre_tokenizer"] = TokenizerSource.Json(preTokenizer);
        BpeTokenizer tokenizer = source.Tokenizer();
        using Transformer model = Models.Random(device, Models.Odd with { VocabSize = tokenizer.VocabSize }, seed: 6);
        GgufFile file = Export(model, tokenizer);
        Assert.Equal(name, file.Fields["tokenizer.ggml.pre"]);
        Assert.Equal(["t h"], (object[])file.Fields["tokenizer.ggml.merges"]);
    }

    [Fact]
    public void Export_writes_a_runs_model()
    {
        using Transformer model = Models.Random(device, Models.Odd with { VocabSize = 262 }, seed: 7);
        Checkpoint.Save(folder["model"], model, new ByteTokenizer());
        Cli.Cli.Done("export", "--model", folder["model"], "--gguf", folder["x.gguf"], "--dtype", "bf16");
        Assert.Equal(262u, new GgufFile(folder["x.gguf"]).Fields["llama.vocab_size"]);
        Assert.Contains("--dtype q4", Cli.Cli.Run("export", "--model", folder["model"], "--gguf", folder["x.gguf"], "--dtype", "q4").Error);
    }
}
