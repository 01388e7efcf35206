namespace MiniTransformer.Theory;

/// <summary>
/// The other side of P1 and P2: the SFT loss of one demonstration, L = Σ_t γᵗ ℓ_t with ℓ_t = −log softmax(logits_t)[a_t], written as
/// anyone would who has never heard of soft values: it looks only at the row of the token it scores, never at the next state.
/// </summary>
public static class CrossEntropy
{
    /// <summary>ℓ_t = log Σ_b exp(x_b − x_{a_t}) for each token, in nats: (T).</summary>
    public static double[] PerToken(double[][] logits, int[] tokens)
    {
        var losses = new double[tokens.Length];
        for (int t = 0; t < tokens.Length; t++)
        {
            double chosen = logits[t][tokens[t]], margin = logits[t].Max() - chosen, sum = 0;
            foreach (double x in logits[t]) sum += Math.Exp(x - chosen - margin);
            losses[t] = margin + Math.Log(sum);
        }

        return losses;
    }

    /// <summary>Σ_t γᵗ ℓ_t; with γ = 1 the SFT loss, summed over tokens.</summary>
    public static double Loss(double[][] logits, int[] tokens, double discount = 1) =>
        PerToken(logits, tokens).Select((loss, t) => Math.Pow(discount, t) * loss).Sum();

    /// <summary>∂L/∂logits_t = γᵗ (softmax(logits_t) − onehot(a_t)): (T, K).</summary>
    public static double[][] Gradient(double[][] logits, int[] tokens, double discount = 1)
    {
        var gradient = new double[tokens.Length][];
        for (int t = 0; t < tokens.Length; t++)
        {
            double max = logits[t].Max(), weight = Math.Pow(discount, t);
            double[] e = [.. logits[t].Select(x => Math.Exp(x - max))];
            double sum = e.Sum();
            gradient[t] = [.. e.Select((x, a) => weight * ((x / sum) - (a == tokens[t] ? 1 : 0)))];
        }

        return gradient;
    }
}
