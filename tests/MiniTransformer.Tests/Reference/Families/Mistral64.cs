using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>Mistral (A. Jiang et al., "Mistral 7B", 2023): Llama with a sliding window in every layer.</summary>
internal sealed class Mistral64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors) : Checkpoint64(config, tensors)
{
    public override double[][] Logits(int[] ids)
    {
        int c = Int("hidden_size"), h = Int("num_attention_heads"), hkv = Int("num_key_value_heads"), d = Int("head_dim", c / h);
        double epsilon = Number("rms_norm_eps", 1e-6);
        int? window = Node("sliding_window")?.GetValue<int>();
        double[] frequencies = Frequencies(Number("rope_theta", 10000), d);
        double[][] x = Rows("model.embed_tokens.weight", ids, c);
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            double[][] normed = [.. x.Select(row => RmsNorm(at + "input_layernorm", row, epsilon))];
            double[][] q = [.. normed.Select((row, t) => Rotate(Linear(at + "self_attn.q_proj", row), t, frequencies))];
            double[][] k = [.. normed.Select((row, t) => Rotate(Linear(at + "self_attn.k_proj", row), t, frequencies))];
            double[][] v = [.. normed.Select(row => Linear(at + "self_attn.v_proj", row))];
            double[][] y = Attend(q, k, v, h, hkv, 1 / Math.Sqrt(d), window);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], Linear(at + "self_attn.o_proj", y[t]));
                double[] m = RmsNorm(at + "post_attention_layernorm", x[t], epsilon);
                x[t] = Add(x[t], Linear(at + "mlp.down_proj",
                    Multiply(Silu(Linear(at + "mlp.gate_proj", m)), Linear(at + "mlp.up_proj", m))));
            }
        }

        return [.. x.Select(row => Linear("lm_head", RmsNorm("model.norm", row, epsilon)))];
    }
}
