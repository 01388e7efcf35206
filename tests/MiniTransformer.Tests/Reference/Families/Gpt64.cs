using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>
/// GPT-2 (A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019), as its released tensors have it: matrices
/// (in, out), queries, keys and values in one; layer norms; learned positions; the head is the embedding.
/// </summary>
internal sealed class Gpt64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors, string prefix) : Checkpoint64(config, tensors)
{
    public override double[][] Logits(int[] ids)
    {
        int c = Int("n_embd"), h = Int("n_head");
        double[][] x =
        [
            .. Rows(prefix + "wte.weight", ids, c).Zip(Rows(prefix + "wpe.weight", [.. Enumerable.Range(0, ids.Length)], c), Add)
        ];
        for (int layer = 0; layer < Int("n_layer"); layer++)
        {
            string at = $"{prefix}h.{layer}.";
            double[][] qkv = [.. x.Select(row => Times(at + "attn.c_attn", LayerNorm(at + "ln_1", row)))];
            double[][] y = Attend(
                [.. qkv.Select(row => row[..c])], [.. qkv.Select(row => row[c..(2 * c)])], [.. qkv.Select(row => row[(2 * c)..])], h, h,
                1 / Math.Sqrt(c / h), null);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], Times(at + "attn.c_proj", y[t]));
                x[t] = Add(x[t], Times(at + "mlp.c_proj", GeluTanh(Times(at + "mlp.c_fc", LayerNorm(at + "ln_2", x[t])))));
            }
        }

        string head = Flag("tie_word_embeddings", true) ? prefix + "wte" : "lm_head";
        return [.. x.Select(row => Linear(head, LayerNorm(prefix + "ln_f", row)))];
    }

    // x W + b, W (in, out)
    private double[] Times(string name, double[] x)
    {
        double[] w = Tensor(name + ".weight"), y = [.. Tensor(name + ".bias")];
        for (int i = 0; i < x.Length; i++)
            for (int o = 0; o < y.Length; o++) y[o] += x[i] * w[i * y.Length + o];
        return y;
    }

    private double[] LayerNorm(string name, double[] x)
    {
        double mean = x.Average(), deviation = Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + Number("layer_norm_epsilon", 1e-5));
        return [.. x.Select((v, i) => (v - mean) / deviation * Tensor(name + ".weight")[i] + Tensor(name + ".bias")[i])];
    }
}
