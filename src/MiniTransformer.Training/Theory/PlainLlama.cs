namespace MiniTransformer.Theory;

/// <summary>The numbers that a Llama's weights do not tell.</summary>
/// <param name="Layers">Blocks.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key/value heads; each serves Heads / KeyValueHeads query heads.</param>
/// <param name="HeadDim">D, the length of a head's vectors; even.</param>
/// <param name="Theta">θ of the rotary positions.</param>
/// <param name="Epsilon">ε of the norms.</param>
/// <param name="TiedHead">Whether the head is the table of embeddings.</param>
public sealed record LlamaSizes(int Layers, int Heads, int KeyValueHeads, int HeadDim, double Theta, double Epsilon, bool TiedHead);

/// <summary>
/// A Llama, whole, in double precision: token ids in, logits out, one sequence, no batch, no cache, nothing fused. It is written from the
/// architecture's description (H. Touvron et al., "LLaMA", 2023; grouped heads: J. Ainslie et al., "GQA", 2023) and shares nothing with
/// the library, whose models and gradients are checked against it. The weights go by Hugging Face's names, matrices (out, in), row by row.
/// </summary>
/// <remarks>
/// <code>
///   x ← embedding of the token                                          a vector of C numbers for each position
///   in each layer:   x ← x + attention(norm(x))                         the one place where positions see each other
///                    x ← x + down(silu(gate(norm(x))) ⊙ up(norm(x)))    each position alone
///   logits = head(norm(x))                                              Q(s, ·): one number for each token that may follow
/// </code>
/// </remarks>
public sealed class PlainLlama(LlamaSizes sizes, IReadOnlyDictionary<string, double[]> weights)
{
    /// <summary>The logits after each token: T ids → (T, V).</summary>
    public double[][] Logits(int[] ids)
    {
        double[] table = weights["model.embed_tokens.weight"];
        int c = weights["model.norm.weight"].Length;
        double[][] x = [.. ids.Select(id => table[(id * c)..((id + 1) * c)])];
        for (int layer = 0; layer < sizes.Layers; layer++) x = Block(layer, x);
        string head = sizes.TiedHead ? "model.embed_tokens.weight" : "lm_head.weight";
        return [.. x.Select(row => Times(head, Norm("model.norm.weight", row)))];
    }

    /// <summary>log π(idₜ₊₁ | id₀ … idₜ) for each t: T ids → T − 1 numbers, in nats.</summary>
    public double[] LogProbs(int[] ids) => [.. CrossEntropy.PerToken(Logits(ids[..^1]), ids[1..]).Select(loss => -loss)];

    /// <summary>One block: (T, C) → (T, C).</summary>
    public double[][] Block(int layer, double[][] x)
    {
        string name = $"model.layers.{layer}.";
        double[][] attended = Attention(name + "self_attn.", [.. x.Select(row => Norm(name + "input_layernorm.weight", row))]);
        double[][] y = [.. x.Zip(attended, Add)];
        return [.. y.Select(row => Add(row, Mlp(name + "mlp.", Norm(name + "post_attention_layernorm.weight", row))))];
    }

    // y_t = Σ_{j ≤ t} p_tj v_j with p_t = softmax_j(⟨q_t, k_j⟩ / √D), head by head; the heads' results side by side through o_proj.
    private double[][] Attention(string name, double[][] x)
    {
        int d = sizes.HeadDim, group = sizes.Heads / sizes.KeyValueHeads;
        double[][] q = [.. x.Select((row, t) => Rotate(Times(name + "q_proj.weight", row), t))];
        double[][] k = [.. x.Select((row, t) => Rotate(Times(name + "k_proj.weight", row), t))];
        double[][] v = [.. x.Select(row => Times(name + "v_proj.weight", row))];
        var y = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            var heads = new double[sizes.Heads * d];
            for (int h = 0; h < sizes.Heads; h++)
            {
                int at = h * d, kv = h / group * d; // where the head's vectors begin
                double Score(int j) => Enumerable.Range(0, d).Sum(i => q[t][at + i] * k[j][kv + i]) / Math.Sqrt(d);
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(Score)];
                double max = scores.Max(), sum = scores.Sum(s => Math.Exp(s - max));
                for (int j = 0; j <= t; j++)
                {
                    double p = Math.Exp(scores[j] - max) / sum;
                    for (int i = 0; i < d; i++) heads[at + i] += p * v[j][kv + i];
                }
            }

            y[t] = Times(name + "o_proj.weight", heads);
        }

        return y;
    }

    // SwiGLU: down(silu(gate(x)) ⊙ up(x)), silu(g) = g / (1 + e⁻ᵍ).
    private double[] Mlp(string name, double[] x)
    {
        double[] gate = Times(name + "gate_proj.weight", x), up = Times(name + "up_proj.weight", x);
        return Times(name + "down_proj.weight", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]);
    }

    // Each head's components i and i + D/2 are a complex number, turned by the angle position · θ^(−2i/D); so ⟨q_t, k_j⟩ knows t − j alone.
    private double[] Rotate(double[] x, int position)
    {
        int d = sizes.HeadDim, half = d / 2;
        var y = new double[x.Length];
        for (int head = 0; head < x.Length; head += d)
        {
            for (int i = 0; i < half; i++)
            {
                double angle = position * Math.Pow(sizes.Theta, -2.0 * i / d), cos = Math.Cos(angle), sin = Math.Sin(angle);
                double a = x[head + i], b = x[head + half + i];
                y[head + i] = a * cos - b * sin;
                y[head + half + i] = b * cos + a * sin;
            }
        }

        return y;
    }

    // yᵢ = wᵢ xᵢ / √(mean(x²) + ε)
    private double[] Norm(string name, double[] x)
    {
        double rms = Math.Sqrt(x.Average(v => v * v) + sizes.Epsilon);
        return [.. x.Zip(weights[name], (v, w) => w * v / rms)];
    }

    // W x, W (out, in) as long as out · in.
    private double[] Times(string name, double[] x)
    {
        double[] w = weights[name];
        var y = new double[w.Length / x.Length];
        for (int i = 0; i < w.Length; i++) y[i / x.Length] += w[i] * x[i % x.Length];
        return y;
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
