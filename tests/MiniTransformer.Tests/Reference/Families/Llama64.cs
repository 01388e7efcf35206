using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>Llama 2, 3, 3.1, 3.2, SmolLM2 and TinyLlama (H. Touvron et al., 2023; A. Grattafiori et al., "The Llama 3 Herd of Models",
/// 2024).</summary>
internal sealed class Llama64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors) : Checkpoint64(config, tensors)
{
    public override double[][] Logits(int[] ids)
    {
        int c = Int("hidden_size"), h = Int("num_attention_heads"), hkv = Int("num_key_value_heads", h), d = Int("head_dim", c / h);
        double epsilon = Number("rms_norm_eps", 1e-6);
        bool biased = Flag("attention_bias", false), mlpBiased = Flag("mlp_bias", false);
        double[] frequencies = Scaled(d);
        double[][] x = Rows("model.embed_tokens.weight", ids, c);
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            double[][] normed = [.. x.Select(row => RmsNorm(at + "input_layernorm", row, epsilon))];
            double[][] q = [.. normed.Select((row, t) => Rotate(Linear(at + "self_attn.q_proj", row, biased), t, frequencies))];
            double[][] k = [.. normed.Select((row, t) => Rotate(Linear(at + "self_attn.k_proj", row, biased), t, frequencies))];
            double[][] v = [.. normed.Select(row => Linear(at + "self_attn.v_proj", row, biased))];
            double[][] y = Attend(q, k, v, h, hkv, 1 / Math.Sqrt(d), window: null);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], Linear(at + "self_attn.o_proj", y[t], biased));
                double[] m = RmsNorm(at + "post_attention_layernorm", x[t], epsilon);
                double[] inner = Multiply(Silu(Linear(at + "mlp.gate_proj", m, mlpBiased)), Linear(at + "mlp.up_proj", m, mlpBiased));
                x[t] = Add(x[t], Linear(at + "mlp.down_proj", inner, mlpBiased));
            }
        }

        string head = Flag("tie_word_embeddings", false) ? "model.embed_tokens" : "lm_head";
        return [.. x.Select(row => Linear(head, RmsNorm("model.norm", row, epsilon)))];
    }

    // Linear: positions divided by the factor. Llama 3: long waves (seldom a full turn in the original context) are stretched by the
    // factor, short ones stay, those between are interpolated.
    private double[] Scaled(int d)
    {
        JsonNode? rope = Node("rope_parameters") ?? Node("rope_scaling");
        double theta = rope?["rope_theta"]?.GetValue<double>() ?? Number("rope_theta", 10000);
        double[] frequencies = Frequencies(theta, d);
        string type = (rope?["rope_type"] ?? rope?["type"])?.GetValue<string>() ?? "default";
        if (type == "default") return frequencies;
        double factor = rope!["factor"]!.GetValue<double>();
        if (type == "linear") return [.. frequencies.Select(f => f / factor)];
        double low = rope["low_freq_factor"]!.GetValue<double>(), high = rope["high_freq_factor"]!.GetValue<double>();
        double original = rope["original_max_position_embeddings"]!.GetValue<double>();
        return
        [
            .. frequencies.Select(f =>
            {
                double turns = original * f / (2 * Math.PI); // in the original context
                if (turns < low) return f / factor;
                if (turns > high) return f;
                double smooth = (turns - low) / (high - low);
                return (1 - smooth) * f / factor + smooth * f;
            })
        ];
    }
}
