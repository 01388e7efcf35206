namespace MiniTransformer.Theory;

/// <summary>
/// P5: potential-based shaping [NHR]: r′(s, a) = r(s, a) + γ Φ(f(s, a)) − Φ(s) with Φ(terminal) = 0 lowers the soft value of every
/// state by its potential and leaves the soft-optimal policy as it was.
/// </summary>
public static class PotentialShaping
{
    /// <summary>r + γ Φ(f(s, a)) − Φ(s). The potential has S + 1 entries, the last one 0.</summary>
    /// <exception cref="ArgumentException">The potential of the terminal state is not 0.</exception>
    public static double[][] Shape(TokenMdp mdp, double[][] reward, double[] potential)
    {
        if (potential[mdp.Terminal] != 0)
        {
            throw new ArgumentException(
                $"Shape: the terminal state has potential {potential[mdp.Terminal]}; it must be 0, or the optimal policy changes.");
        }

        return mdp.Table((s, a) => reward[s][a] + (mdp.Discount * potential[mdp.Next(s, a)]) - potential[s]);
    }
}
