using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>
/// Qwen2 and Qwen2.5 (A. Yang et al., "Qwen2 Technical Report", 2024): biases on queries, keys and values. Qwen3 (2025): no such
/// biases, but queries and keys normalised head by head before they are rotated. With use_sliding_window, layers from max_window_layers on
/// see a window.
/// </summary>
internal sealed class Qwen64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors) : Checkpoint64(config, tensors)
{
    public override double[][] Logits(int[] ids)
    {
        bool three = Node("model_type")!.GetValue<string>() == "qwen3";
        int c = Int("hidden_size"), h = Int("num_attention_heads"), hkv = Int("num_key_value_heads"), d = Int("head_dim", c / h);
        double epsilon = Number("rms_norm_eps", 1e-6);
        bool biased = !three || Flag("attention_bias", false);
        double[] frequencies = Frequencies(Node("rope_parameters")?["rope_theta"]?.GetValue<double>() ?? Number("rope_theta", 10000), d);
        double[][] x = Rows("model.embed_tokens.weight", ids, c);
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            double[][] normed = [.. x.Select(row => RmsNorm(at + "input_layernorm", row, epsilon))];
            double[][] q = [.. normed.Select(row => Linear(at + "self_attn.q_proj", row, biased))];
            double[][] k = [.. normed.Select(row => Linear(at + "self_attn.k_proj", row, biased))];
            double[][] v = [.. normed.Select(row => Linear(at + "self_attn.v_proj", row, biased))];
            if (three)
            {
                q = [.. q.Select(row => NormHeads(at + "self_attn.q_norm", row, d, epsilon))];
                k = [.. k.Select(row => NormHeads(at + "self_attn.k_norm", row, d, epsilon))];
            }

            q = [.. q.Select((row, t) => Rotate(row, t, frequencies))];
            k = [.. k.Select((row, t) => Rotate(row, t, frequencies))];
            bool slides = Flag("use_sliding_window", false) && layer >= Int("max_window_layers", 28);
            double[][] y = Attend(q, k, v, h, hkv, 1 / Math.Sqrt(d), slides ? Int("sliding_window") : null);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], Linear(at + "self_attn.o_proj", y[t], biased && three));
                double[] m = RmsNorm(at + "post_attention_layernorm", x[t], epsilon);
                x[t] = Add(x[t], Linear(at + "mlp.down_proj",
                    Multiply(Silu(Linear(at + "mlp.gate_proj", m)), Linear(at + "mlp.up_proj", m))));
            }
        }

        string head = Flag("tie_word_embeddings", false) ? "model.embed_tokens" : "lm_head";
        return [.. x.Select(row => Linear(head, RmsNorm("model.norm", row, epsilon)))];
    }
}
