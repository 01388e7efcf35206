using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>
/// Gemma 3, text ("Gemma 3 Technical Report", 2025): embeddings times √C; norms with 1 + w before and after attention and perceptron;
/// queries and keys normalised; scores divided by √query_pre_attn_scalar; of each `sliding_window_pattern` layers all but the last see a
/// window and turn with the local base; GELU (tanh) gates; the head is the embedding.
/// </summary>
internal sealed class Gemma64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors) : Checkpoint64(config, tensors)
{
    public override double[][] Logits(int[] ids)
    {
        int c = Int("hidden_size"), h = Int("num_attention_heads"), hkv = Int("num_key_value_heads"), d = Int("head_dim"),
            window = Int("sliding_window");
        double epsilon = Number("rms_norm_eps", 1e-6), scale = 1 / Math.Sqrt(Number("query_pre_attn_scalar", 256));
        JsonNode? full = Node("rope_parameters")?["full_attention"], sliding = Node("rope_parameters")?["sliding_attention"];
        double[] wide = Frequencies(full?["rope_theta"]?.GetValue<double>() ?? Number("rope_theta", 1e6), d);
        double[] near = Frequencies(sliding?["rope_theta"]?.GetValue<double>() ?? Number("rope_local_base_freq", 10000), d);
        if ((full ?? Node("rope_scaling"))?["factor"]?.GetValue<double>() is { } factor) wide = [.. wide.Select(f => f / factor)];
        double[][] x = [.. Rows("model.embed_tokens.weight", ids, c).Select(row => row.Select(v => v * Math.Sqrt(c)).ToArray())];
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            bool local = Node("layer_types") is { } types
                ? types[layer]!.GetValue<string>() == "sliding_attention"
                : (layer + 1) % Int("sliding_window_pattern", 6) != 0;
            double[] frequencies = local ? near : wide;
            double[][] normed = [.. x.Select(row => RmsNorm(at + "input_layernorm", row, epsilon, 1))];
            double[][] q = [.. normed.Select((row, t) =>
                Rotate(NormHeads(at + "self_attn.q_norm", Linear(at + "self_attn.q_proj", row), d, epsilon, 1), t, frequencies))];
            double[][] k = [.. normed.Select((row, t) =>
                Rotate(NormHeads(at + "self_attn.k_norm", Linear(at + "self_attn.k_proj", row), d, epsilon, 1), t, frequencies))];
            double[][] v = [.. normed.Select(row => Linear(at + "self_attn.v_proj", row))];
            double[][] y = Attend(q, k, v, h, hkv, scale, local ? window : null);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], RmsNorm(at + "post_attention_layernorm", Linear(at + "self_attn.o_proj", y[t]), epsilon, 1));
                double[] m = RmsNorm(at + "pre_feedforward_layernorm", x[t], epsilon, 1);
                double[] inner = Multiply(GeluTanh(Linear(at + "mlp.gate_proj", m)), Linear(at + "mlp.up_proj", m));
                x[t] = Add(x[t], RmsNorm(at + "post_feedforward_layernorm", Linear(at + "mlp.down_proj", inner), epsilon, 1));
            }
        }

        return [.. x.Select(row => Linear("model.embed_tokens", RmsNorm("model.norm", row, epsilon, 1)))];
    }
}
