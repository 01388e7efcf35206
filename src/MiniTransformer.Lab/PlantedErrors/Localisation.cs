namespace MiniTransformer.Lab;

/// <summary>
/// How well a score finds one planted error in each response. Scores stand one per response token, response b in entries
/// starts[b] … starts[b+1]−1; a low score blames; planted[b] is the place of the error in response b, counted from 0.
/// </summary>
public static class Localisation
{
    private const double Normal975 = 1.959963984540054; // the standard normal's 97.5% quantile

    /// <summary>
    /// The share of the responses in which the lowest of all scores is the planted token's. A token that shares the lowest score with
    /// m − 1 others counts 1/m, as if one of them were blamed by lot.
    /// </summary>
    public static double HitRate(ReadOnlySpan<double> scores, ReadOnlySpan<int> starts, ReadOnlySpan<int> planted)
    {
        Check(scores, starts, planted);
        double hits = 0;
        for (int b = 0; b < planted.Length; b++)
        {
            ReadOnlySpan<double> response = scores[starts[b]..starts[b + 1]];
            double lowest = response[planted[b]];
            int same = 0;
            foreach (double score in response)
            {
                if (score < lowest) same = int.MaxValue;
                else if (score == lowest && same < int.MaxValue) same++;
            }

            if (same < int.MaxValue) hits += 1.0 / same;
        }

        return hits / planted.Length;
    }

    /// <summary>The hit rate of a score drawn at random: the mean over responses of 1 / (number of tokens).</summary>
    public static double Chance(ReadOnlySpan<int> starts)
    {
        double sum = 0;
        for (int b = 0; b + 1 < starts.Length; b++) sum += 1.0 / (starts[b + 1] - starts[b]);
        return sum / (starts.Length - 1);
    }

    /// <summary>
    /// AUC of error against right token: the probability that a planted token, drawn from all planted ones, scores lower than a right
    /// token, drawn from all the others of all responses; equal scores count ½. 1 separates perfectly, ½ tells nothing, below ½ the errors
    /// score higher.
    /// </summary>
    public static double Auc(ReadOnlySpan<double> scores, ReadOnlySpan<int> starts, ReadOnlySpan<int> planted)
    {
        Check(scores, starts, planted);
        double[] weights = new double[planted.Length];
        Array.Fill(weights, 1);
        return new SortedTokens(scores, starts, planted).Auc(weights);
    }

    /// <summary>
    /// The percentile bootstrap's 95% interval of the AUC. Whole responses are drawn with replacement, since the tokens of one response
    /// depend on each other. Unavailable for fewer than three responses; a single point where the separation is perfect.
    /// </summary>
    public static Interval AucInterval(
        ReadOnlySpan<double> scores, ReadOnlySpan<int> starts, ReadOnlySpan<int> planted, ulong seed, int resamples = 1000)
    {
        Check(scores, starts, planted);
        var tokens = new SortedTokens(scores, starts, planted);
        return Statistics.Bootstrap(planted.Length, seed, resamples, counts => tokens.Auc(counts)); // without a right token there is no AUC
    }

    /// <summary>
    /// Wilson's 95% interval of a rate p̂ of n: (p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n) (E. B. Wilson, JASA 1927). It stays
    /// within [0, 1] and does not collapse at 0 or 1.
    /// </summary>
    public static Interval WilsonInterval(double rate, int n)
    {
        if (n < 1) return Interval.Unavailable;
        const double z2 = Normal975 * Normal975;
        double centre = rate + z2 / (2 * n), half = Normal975 * Math.Sqrt(rate * (1 - rate) / n + z2 / (4.0 * n * n)), scale = 1 + z2 / n;
        return new Interval(Math.Max(0, (centre - half) / scale), Math.Min(1, (centre + half) / scale));
    }

    private static void Check(ReadOnlySpan<double> scores, ReadOnlySpan<int> starts, ReadOnlySpan<int> planted)
    {
        if (planted.IsEmpty) throw new ArgumentException("Localisation: there is no response; at least one is needed.");
        if (starts.Length != planted.Length + 1 || starts[^1] != scores.Length)
        {
            throw new ArgumentException(
                $"Localisation: {planted.Length} planted places, {starts.Length} starts and {scores.Length} scores do not fit; "
                + "needed is one start more than places, the last of them the number of scores.");
        }

        for (int b = 0; b < planted.Length; b++)
        {
            if (planted[b] < 0 || starts[b] + planted[b] >= starts[b + 1])
                throw new ArgumentException($"Localisation: place {planted[b]} lies outside response {b}, which has "
                    + $"{starts[b + 1] - starts[b]} tokens.");
        }

        for (int i = 0; i < scores.Length; i++)
        {
            if (double.IsNaN(scores[i]))
            {
                throw new ArgumentException($"Localisation: the score of token {i} is not a number, so it cannot be ranked.");
            }
        }
    }

    // All tokens from the highest score down: sorted once, so that each resample is one pass.
    private sealed class SortedTokens
    {
        private readonly double[] values;
        private readonly int[] responses;
        private readonly bool[] isPlanted;

        public SortedTokens(ReadOnlySpan<double> scores, ReadOnlySpan<int> starts, ReadOnlySpan<int> planted)
        {
            (values, responses, isPlanted) = (scores.ToArray(), new int[scores.Length], new bool[scores.Length]);
            int[] order = [.. Enumerable.Range(0, scores.Length)];
            for (int b = 0; b < planted.Length; b++)
            {
                responses.AsSpan(starts[b], starts[b + 1] - starts[b]).Fill(b);
                isPlanted[starts[b] + planted[b]] = true;
            }

            Array.Sort(values, order);
            Array.Reverse(values);
            Array.Reverse(order);
            responses = Array.ConvertAll(order, i => responses[i]);
            isPlanted = Array.ConvertAll(order, i => isPlanted[i]);
        }

        // AUC = Σ_{planted p} w_p (Σ_{right r: score_r > score_p} w_r + ½ Σ_{score_r = score_p} w_r) / (Σ_p w_p · Σ_r w_r)
        public double Auc(ReadOnlySpan<double> weights)
        {
            double above = 0, allPlanted = 0, won = 0;
            for (int i = 0; i < values.Length;)
            {
                double right = 0, wrong = 0;
                int first = i;
                for (; i < values.Length && values[i] == values[first]; i++)
                {
                    double weight = weights[responses[i]];
                    if (isPlanted[i]) wrong += weight;
                    else right += weight;
                }

                won += wrong * (above + right / 2);
                above += right;
                allPlanted += wrong;
            }

            return won / (allPlanted * above);
        }
    }
}
