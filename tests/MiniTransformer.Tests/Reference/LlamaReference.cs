using MiniTransformer.Nn;

namespace MiniTransformer.Tests.Reference;

/// <summary>
/// The Llama forward pass of one sequence in double precision, written from the architecture's description and sharing nothing with the
/// library: loops over positions, one token's vectors at a time, weights by their Hugging Face names, matrices (out, in).
/// </summary>
internal sealed class LlamaReference(TransformerConfig config, IReadOnlyDictionary<string, double[]> weights)
{
    /// <summary>The logits after each token: (T, V).</summary>
    public double[][] Logits(int[] ids)
    {
        int c = config.HiddenSize;
        double[] table = weights["model.embed_tokens.weight"];
        double[][] x = [.. ids.Select(id => table[(id * c)..((id + 1) * c)])];
        for (int layer = 0; layer < config.NumLayers; layer++)
        {
            string name = $"model.layers.{layer}.";
            double[][] attended = Attention(name + "self_attn.", [.. x.Select(row => Norm(name + "input_layernorm.weight", row))]);
            for (int t = 0; t < x.Length; t++)
            {
                x[t] = Add(x[t], attended[t]);
                x[t] = Add(x[t], Mlp(name + "mlp.", Norm(name + "post_attention_layernorm.weight", x[t])));
            }
        }

        string head = config.TieEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
        return [.. x.Select(row => Times(head, Norm("model.norm.weight", row)))];
    }

    /// <summary>log π(ids[t+1] | ids[0..t]) for each t.</summary>
    public double[] LogProbs(int[] ids)
    {
        double[][] logits = Logits(ids[..^1]);
        return [.. logits.Select((row, t) => LogSoftmaxReference.LogSoftmax(row, row.Length)[ids[t + 1]])];
    }

    private double[][] Attention(string name, double[][] x)
    {
        int d = config.HeadDim, group = config.NumHeads / config.NumKeyValueHeads;
        double[][] q = [.. x.Select((row, t) => Rotate(Times(name + "q_proj.weight", row), t))];
        double[][] k = [.. x.Select((row, t) => Rotate(Times(name + "k_proj.weight", row), t))];
        double[][] v = [.. x.Select(row => Times(name + "v_proj.weight", row))];
        var y = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            var heads = new double[config.NumHeads * d];
            for (int h = 0; h < config.NumHeads; h++)
            {
                int kv = h / group;
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(j => Enumerable.Range(0, d).Sum(i => q[t][h * d + i] * k[j][kv * d + i]) / Math.Sqrt(d))];
                double max = scores.Max(), sum = scores.Sum(s => Math.Exp(s - max));
                for (int j = 0; j <= t; j++)
                {
                    for (int i = 0; i < d; i++) heads[h * d + i] += Math.Exp(scores[j] - max) / sum * v[j][kv * d + i];
                }
            }

            y[t] = Times(name + "o_proj.weight", heads);
        }

        return y;
    }

    private double[] Mlp(string name, double[] x)
    {
        double[] gate = Times(name + "gate_proj.weight", x), up = Times(name + "up_proj.weight", x);
        return Times(name + "down_proj.weight", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]);
    }

    // Each head's components i and i + D/2 are a complex number, turned by position · θ^(−2i/D).
    private double[] Rotate(double[] x, int position)
    {
        int d = config.HeadDim;
        var y = new double[x.Length];
        for (int at = 0; at < x.Length; at++)
        {
            int i = at % d, pair = i % (d / 2);
            double angle = position * Math.Pow(config.RopeTheta, -2.0 * pair / d);
            y[at] = i < d / 2
                ? x[at] * Math.Cos(angle) - x[at + d / 2] * Math.Sin(angle)
                : x[at] * Math.Cos(angle) + x[at - d / 2] * Math.Sin(angle);
        }

        return y;
    }

    private double[] Norm(string name, double[] x)
    {
        double rms = Math.Sqrt(x.Average(v => v * v) + config.RmsNormEps);
        return [.. x.Zip(weights[name], (v, w) => w * v / rms)];
    }

    private double[] Times(string name, double[] x)
    {
        double[] w = weights[name];
        var y = new double[w.Length / x.Length];
        for (int i = 0; i < w.Length; i++) y[i / x.Length] += w[i] * x[i % x.Length];
        return y;
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
