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
    public static float[] WholePath(ReadOnlySpan<float> rewards, ReadOnlySpan<int> starts) => Spread(Sums(rewards, starts), starts);

    /// <summary>Σ_k x_k of each response, (B).</summary>
    public static double[] Sums(ReadOnlySpan<float> values, ReadOnlySpan<int> starts)
    {
        var sums = new double[starts.Length - 1];
        for (int b = 0; b < sums.Length; b++)
        {
            for (int i = starts[b]; i < starts[b + 1]; i++) sums[b] += values[i];
        }

        return sums;
    }

    /// <summary>One value of each response, (B), given to each of its tokens, (N).</summary>
    public static float[] Spread(ReadOnlySpan<double> values, ReadOnlySpan<int> starts)
    {
        var tokens = new float[starts[^1]];
        for (int b = 0; b < values.Length; b++) tokens.AsSpan(starts[b], starts[b + 1] - starts[b]).Fill((float)values[b]);
        return tokens;
    }

    /// <summary>
    /// A_i = R_i − (1/(k−1)) Σ_{j≠i} R_j over each k values in a row: the baseline of a response is the mean of the others to its prompt,
    /// so that it does not depend on the response itself.
    /// </summary>
    public static double[] LeaveOneOut(ReadOnlySpan<double> rewards, int k)
    {
        if (k < 2 || rewards.Length % k != 0)
        {
            throw new ArgumentException($"LeaveOneOut: {rewards.Length} rewards came; whole groups of k = {k} are needed, and k of at "
                + "least 2.");
        }
        var advantages = new double[rewards.Length];
        for (int start = 0; start < rewards.Length; start += k)
        {
            double sum = 0;
            for (int i = start; i < start + k; i++) sum += rewards[i];
            for (int i = start; i < start + k; i++) advantages[i] = rewards[i] - (sum - rewards[i]) / (k - 1);
        }

        return advantages;
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
            for (int i = starts[b]; i < starts[b + 1]; i++)
            {
                advantages[i] = (float)(returns[i] - sums[i - starts[b]] / counts[i - starts[b]]);
            }
        }

        return advantages;
    }

    /// <summary>
    /// The least that <see cref="DivideByRms"/> divides by, in nats. r̂ is a difference of two 32-bit log-probabilities, so that a return
    /// is rounded at 10⁻⁶ to 10⁻⁵ nats: rewards of that size are noise, and dividing them by their own size would drive the policy with
    /// noise of full size.
    /// </summary>
    public const double SmallestRms = .01;

    /// <summary>
    /// Divides by the root mean square, so that the step size does not depend on the reward's scale. This scales the gradient by a
    /// number that depends on the batch, and shifts nothing: the estimate is not unbiased, and β is not comparable between rewards of
    /// different scale. Where the root mean square is below <see cref="SmallestRms"/> that is divided by instead.
    /// </summary>
    /// <returns>The root mean square before the division.</returns>
    public static double DivideByRms(Span<float> advantages)
    {
        double sum = 0;
        foreach (float a in advantages) sum += (double)a * a;
        double rms = Math.Sqrt(sum / Math.Max(1, advantages.Length)), by = Math.Max(rms, SmallestRms);
        for (int i = 0; i < advantages.Length; i++) advantages[i] = (float)(advantages[i] / by);
        return rms;
    }
}
