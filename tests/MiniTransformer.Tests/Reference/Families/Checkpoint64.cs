using System.Text.Json.Nodes;

namespace MiniTransformer.Tests.Reference.Families;

/// <summary>
/// A checkpoint as its files have it, config.json and tensors by name, and its forward pass in double precision: written from the
/// family's paper or model card, token by token, sharing nothing with the library. What a derived class states is what the family computes.
/// </summary>
internal abstract class Checkpoint64(JsonObject config, IReadOnlyDictionary<string, double[]> tensors)
{
    /// <summary>The logits after each token: (T, V).</summary>
    public abstract double[][] Logits(int[] ids);

    /// <summary>log π(ids[t+1] | ids[0..t]) for each t.</summary>
    public double[] LogProbs(int[] ids) =>
        [.. Logits(ids[..^1]).Select((row, t) => LogSoftmaxReference.LogSoftmax(row, row.Length)[ids[t + 1]])];

    protected int Int(string field) => config[field]!.GetValue<int>();

    protected int Int(string field, int absent) => config[field]?.GetValue<int>() ?? absent;

    protected double Number(string field, double absent) => config[field] is { } value ? value.GetValue<double>() : absent;

    protected bool Flag(string field, bool absent) => config[field]?.GetValue<bool>() ?? absent;

    protected JsonNode? Node(string field) => config[field];

    protected double[] Tensor(string name) => tensors[name];

    /// <summary>Rows of a table, one for each id.</summary>
    protected double[][] Rows(string name, int[] ids, int width) => [.. ids.Select(id => Tensor(name)[(id * width)..((id + 1) * width)])];

    /// <summary>W x, and + b where the tensors have such a bias; W is (out, in).</summary>
    protected double[] Linear(string name, double[] x, bool biased = false)
    {
        double[] w = Tensor(name + ".weight");
        var y = new double[w.Length / x.Length];
        for (int o = 0; o < y.Length; o++)
            for (int i = 0; i < x.Length; i++) y[o] += w[o * x.Length + i] * x[i];
        return biased ? Add(y, Tensor(name + ".bias")) : y;
    }

    /// <summary>w x / √(mean x² + ε), or with 1 + w.</summary>
    protected double[] RmsNorm(string name, double[] x, double epsilon, double offset = 0)
    {
        double rms = Math.Sqrt(x.Average(v => v * v) + epsilon);
        return [.. x.Zip(Tensor(name + ".weight"), (v, w) => (offset + w) * v / rms)];
    }

    /// <summary>Every head's part normalised for itself.</summary>
    protected double[] NormHeads(string name, double[] x, int d, double epsilon, double offset = 0) =>
        [.. x.Chunk(d).SelectMany(head => RmsNorm(name, head, epsilon, offset))];

    /// <summary>The frequencies θ^(−2i/D), i below D/2.</summary>
    protected static double[] Frequencies(double theta, int d) =>
        [.. Enumerable.Range(0, d / 2).Select(i => Math.Pow(theta, -2.0 * i / d))];

    /// <summary>Of each head, components i and i + D/2 turned by position · frequencyᵢ.</summary>
    protected static double[] Rotate(double[] x, int position, double[] frequencies)
    {
        int half = frequencies.Length, d = 2 * half;
        var y = new double[x.Length];
        for (int head = 0; head < x.Length; head += d)
        {
            for (int i = 0; i < half; i++)
            {
                double cos = Math.Cos(position * frequencies[i]), sin = Math.Sin(position * frequencies[i]);
                y[head + i] = x[head + i] * cos - x[head + half + i] * sin;
                y[head + half + i] = x[head + half + i] * cos + x[head + i] * sin;
            }
        }

        return y;
    }

    /// <summary>
    /// Causal attention of every token: q, k, v are one row a token, heads one after another. With a window, token t sees the last
    /// `window` tokens, itself included.
    /// </summary>
    protected static double[][] Attend(double[][] q, double[][] k, double[][] v, int heads, int keyHeads, double scale, int? window)
    {
        int d = q[0].Length / heads;
        var y = new double[q.Length][];
        for (int t = 0; t < q.Length; t++)
        {
            y[t] = new double[q[t].Length];
            int first = window is { } w ? Math.Max(0, t - w + 1) : 0;
            for (int h = 0; h < heads; h++)
            {
                int g = h / (heads / keyHeads);
                var scores = new double[t + 1 - first];
                for (int j = first; j <= t; j++)
                {
                    for (int i = 0; i < d; i++) scores[j - first] += scale * q[t][h * d + i] * k[j][g * d + i];
                }

                double max = scores.Max(), sum = scores.Sum(s => Math.Exp(s - max));
                for (int j = first; j <= t; j++)
                {
                    for (int i = 0; i < d; i++) y[t][h * d + i] += Math.Exp(scores[j - first] - max) / sum * v[j][g * d + i];
                }
            }
        }

        return y;
    }

    protected static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    protected static double[] Multiply(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x * y)];

    protected static double[] Silu(double[] x) => [.. x.Select(v => v / (1 + Math.Exp(-v)))];

    /// <summary>The approximation of GELU by tanh (D. Hendrycks, K. Gimpel, 2016).</summary>
    protected static double[] GeluTanh(double[] x) =>
        [.. x.Select(v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))))];
}
