using MiniTransformer.IO;
using MiniTransformer.Nn;
using MiniTransformer.Tests.IO;

namespace MiniTransformer.Tests.Nn;

public sealed class TransformerConfigWeightsTests : IDisposable
{
    // Every size differs from every other, so that a dimension mistaken for another cannot pass.
    private static readonly TransformerConfig Config = new()
    {
        VocabSize = 11,
        HiddenSize = 12,
        IntermediateSize = 7,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 4,
        MaxPositions = 32,
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Parameters_have_Hugging_Face_s_names_and_shapes()
    {
        string[] shapes = [.. (Config with { NumLayers = 1 }).ParameterShapes().Select(p => $"{p.Name} ({string.Join(", ", p.Shape)})")];
        Assert.Equal(
        [
            "model.embed_tokens.weight (11, 12)",
            "model.layers.0.input_layernorm.weight (12)",
            "model.layers.0.self_attn.q_proj.weight (16, 12)",
            "model.layers.0.self_attn.k_proj.weight (8, 12)",
            "model.layers.0.self_attn.v_proj.weight (8, 12)",
            "model.layers.0.self_attn.o_proj.weight (12, 16)",
            "model.layers.0.post_attention_layernorm.weight (12)",
            "model.layers.0.mlp.gate_proj.weight (7, 12)",
            "model.layers.0.mlp.up_proj.weight (7, 12)",
            "model.layers.0.mlp.down_proj.weight (12, 7)",
            "model.norm.weight (12)",
            "lm_head.weight (11, 12)",
        ], shapes);
        Assert.DoesNotContain("lm_head.weight", (Config with { TieEmbeddings = true }).ParameterShapes().Select(p => p.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_that_fit_are_accepted(bool tied) => Check(Config with { TieEmbeddings = tied }, _ => { });

    [Fact]
    public void Old_rotary_buffers_and_a_tied_output_projection_are_passed_over() => Check(Config with { TieEmbeddings = true }, weights =>
    {
        weights["lm_head.weight"] = [11, 12];
        weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = [2];
        weights["model.rotary_emb.inv_freq"] = [2];
    });

    // One tensor gets another shape; the message must name the tensor, both shapes, and the field.
    [Theory]
    [InlineData("model.embed_tokens.weight", new long[] { 13, 12 }, "vocab_size", "vocab_size = 11, but the weights have 13")]
    [InlineData("model.layers.1.mlp.up_proj.weight", new long[] { 8, 12 }, "intermediate_size", "(7, 12)")]
    [InlineData("model.layers.1.self_attn.q_proj.weight", new long[] { 12, 12 }, "num_attention_heads",
        "num_attention_heads × head_dim = 4 × 4")]
    [InlineData("model.layers.0.self_attn.k_proj.weight", new long[] { 16, 12 }, "num_key_value_heads",
        "num_key_value_heads × head_dim = 2 × 4")]
    [InlineData("model.norm.weight", new long[] { 16 }, "hidden_size", "hidden_size = 12")]
    [InlineData("model.norm.weight", new long[] { 12, 1 }, "hidden_size", "1 dimensions are needed")]
    [InlineData("lm_head.weight", new long[] { 10, 12 }, "vocab_size", "vocab_size = 11")]
    public void A_shape_that_differs_is_refused_by_tensor_shapes_and_field(string tensor, long[] shape, string field, string words)
    {
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => Check(Config, weights => weights[tensor] = shape));
        Assert.Equal(field, e.Field);
        Assert.Contains($"'{tensor}' has shape ({string.Join(", ", shape)})", e.Message, StringComparison.Ordinal);
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lm_head.weight", "tie_word_embeddings")]
    [InlineData("model.layers.1.mlp.up_proj.weight", "num_hidden_layers")]
    [InlineData("model.norm.weight", null)]
    public void A_missing_tensor_is_refused_by_name(string tensor, string? field)
    {
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => Check(Config, weights => weights.Remove(tensor)));
        Assert.Contains($"'{tensor}' is missing", e.Message, StringComparison.Ordinal);
        Assert.Equal(field, e.Field);
    }

    [Theory]
    [InlineData("model.layers.2.input_layernorm.weight", "num_hidden_layers")]
    [InlineData("model.layers.0.self_attn.q_proj.bias", "attention_bias")]
    [InlineData("model.layers.0.mlp.up_proj.bias", "mlp_bias")]
    [InlineData("model.layers.0.self_attn.q_norm.weight", null)]
    [InlineData("transformer.wte.weight", null)]
    public void A_tensor_that_is_not_part_of_the_model_is_refused_by_name(string tensor, string? field)
    {
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => Check(Config, weights => weights[tensor] = [12]));
        Assert.Contains($"'{tensor}' (12) is not part of the model", e.Message, StringComparison.Ordinal);
        Assert.Equal(field, e.Field);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(131, false)]
    [InlineData(-1, true)]
    public void A_tied_output_projection_is_accepted_only_if_it_equals_the_embedding_to_the_bit(int different, bool accepted)
    {
        TransformerConfig tied = Config with { TieEmbeddings = true };
        float[] table = [.. Enumerable.Range(0, 11 * 12).Select(i => i / 7f)], head = [.. table];
        if (different >= 0) head[different] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(head[different]) + 1);
        SafetensorsWriter.Write(folder["model.safetensors"], tied.ParameterShapes().Select(p => (p.Name, p.Shape))
            .Append(("lm_head.weight", [11, 12])).Select(
            p => new TensorData(p.Item1, p.Item2, p.Item1 switch
            {
                "model.embed_tokens.weight" => table,
                "lm_head.weight" => head,
                _ => new float[p.Item2.Aggregate(1L, (product, size) => product * size)],
            })));
        using SafetensorsReader reader = SafetensorsReader.Open(folder["model.safetensors"]);
        if (accepted)
        {
            tied.CheckAgainst(reader);
            return;
        }

        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => tied.CheckAgainst(reader));
        Assert.Equal("tie_word_embeddings", e.Field);
        Assert.Contains($"'lm_head.weight' differs from 'model.embed_tokens.weight' at element {different}", e.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_output_projection_of_another_shape_is_refused() =>
        Assert.Contains("lm_head.weight", Assert.Throws<TransformerConfigException>(() => Check(Config with { TieEmbeddings = true },
            weights => weights["lm_head.weight"] = [12, 11])).Message, StringComparison.Ordinal);

    [Fact]
    public void Weights_saved_without_their_head_are_recognised()
    {
        TransformerConfigException e = Assert.Throws<TransformerConfigException>(() => Check(Config, weights =>
        {
            foreach (string name in weights.Keys.Where(n => n.StartsWith("model.", StringComparison.Ordinal)).ToArray())
            {
                weights[name["model.".Length..]] = weights[name];
                weights.Remove(name);
            }
        }));
        Assert.Contains("LlamaForCausalLM", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_in_another_precision_are_refused_with_the_way_to_convert_them()
    {
        Write(Config, _ => { });
        string path = folder["model.safetensors"];
        byte[] bytes = File.ReadAllBytes(path);
        int at = bytes.AsSpan().IndexOf("\"F32\""u8);
        "\"I32\""u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(path, bytes);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        SafetensorsException e = Assert.Throws<SafetensorsException>(() => Config.CheckAgainst(reader));
        Assert.Equal("model.embed_tokens.weight", e.Tensor);
        Assert.Contains("model.float()", e.Message, StringComparison.Ordinal);
    }

    private void Check(TransformerConfig config, Action<Dictionary<string, long[]>> change)
    {
        Write(config, change);
        using SafetensorsReader reader = SafetensorsReader.Open(folder["model.safetensors"]);
        config.CheckAgainst(reader);
    }

    private void Write(TransformerConfig config, Action<Dictionary<string, long[]>> change)
    {
        Dictionary<string, long[]> weights = config.ParameterShapes().ToDictionary(p => p.Name, p => p.Shape);
        change(weights);
        SafetensorsWriter.Write(folder["model.safetensors"],
            weights.Select(w => new TensorData(w.Key, w.Value, new float[w.Value.Aggregate(1L, (product, size) => product * size)])));
    }
}
