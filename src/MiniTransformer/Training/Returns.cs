namespace MiniTransformer.Training;

/// <summary>
/// From rewards to the weights of log π: returns, baseline, whitening. Arrays hold one value per response token, sequence b in
/// entries starts[b] … starts[b+1]−1.
/// </summary>
public static class Returns
{
    /// <summary>G_t = Σ_{k≥t} γ^{k−t} r_k, from the last token back: G_t = r_t + γ G_{t+1}.</summary>
    public static float[] ToGo(ReadOnlySpan<float> rewards, ReadOnlySpan<int> starts, double gamma)
    {
        var returns = new float[rewards.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            double g = 0;
            for (int i = starts[b + 1] - 1; i >= starts[b]; i--)
            {
                g = rewards[i] + gamma * g;
                returns[i] = (float)g;
            }
        }

        return returns;
    }

    /// <summary>Σ_k r_k of the whole response, the same for each of its tokens: the sentence-level reward.</summary>
    public static float[] WholePath(ReadOnlySpan<float> rewards, ReadOnlySpan<int> starts)
    {
        var returns = new float[rewards.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            double sum = 0;
            for (int i = starts[b]; i < starts[b + 1]; i++) sum += rewards[i];
            returns.AsSpan(starts[b], starts[b + 1] - starts[b]).Fill((float)sum);
        }

        return returns;
    }

    /// <summary>
    /// A_t = G_t − mean of G at the same position t over the batch: a baseline that depends on the position alone.
    /// (The mean includes the sequence itself, which shrinks the gradient at position t by 1 − 1/n, n being the sequences that reach t:
    /// nothing for hundreds, everything for one.)
    /// </summary>
    public static float[] MinusPositionMean(ReadOnlySpan<float> returns, ReadOnlySpan<int> starts)
    {
        int longest = 0;
        for (int b = 0; b + 1 < starts.Length; b++) longest = Math.Max(longest, starts[b + 1] - starts[b]);
        var sums = new double[longest];
        var counts = new int[longest];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int i = starts[b]; i < starts[b + 1]; i++)
            {
                sums[i - starts[b]] += returns[i];
                counts[i - starts[b]]++;
            }
        }

        var advantages = new float[returns.Length];
        for (int b = 0; b + 1 < starts.Length; b++)
        {
            for (int i = starts[b]; i < starts[b + 1]; i++) advantages[i] = (float)(returns[i] - sums[i - starts[b]] / counts[i - starts[b]]);
        }

        return advantages;
    }

    /// <summary>
    /// Divides by the root mean square, so that the step size does not depend on the reward's scale. This scales the gradient by a
    /// number that depends on the batch: it is not unbiased, and β is not comparable between rewards of different scale.
    /// </summary>
    public static void DivideByRms(Span<float> advantages)
    {
        double sum = 0;
        foreach (float a in advantages) sum += (double)a * a;
        double rms = Math.Sqrt(sum / Math.Max(1, advantages.Length));
        if (rms < 1e-8) return; // all equal: nothing to learn from, and nothing to scale
        for (int i = 0; i < advantages.Length; i++) advantages[i] = (float)(advantages[i] / rms);
    }
}
