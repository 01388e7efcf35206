using System.Globalization;
using System.Text;

namespace MiniTransformer.Theory;

/// <summary>One token MDP with all that the identities speak about: three tables of logits, a potential, demonstrations, β and α.</summary>
/// <param name="Mdp">The token MDP, with its discount.</param>
/// <param name="Expert">Logits of π_SFT; also the Q of the inverse-Q objective. (S, K), −∞ for forbidden tokens.</param>
/// <param name="Reference">Logits of π_ref. The same tokens are forbidden.</param>
/// <param name="Policy">Logits of π_θ. The same tokens are forbidden.</param>
/// <param name="Potential">Any function of the state, 0 for the terminal one: a potential, or a baseline. (S + 1)</param>
/// <param name="Demonstrations">Complete responses of allowed tokens.</param>
/// <param name="Beta">β > 0, the weight of the KL penalty.</param>
/// <param name="Alpha">α > 0 of the χ² regulariser.</param>
public sealed record MdpDraw(
    TokenMdp Mdp, double[][] Expert, double[][] Reference, double[][] Policy, double[] Potential,
    Response[] Demonstrations, double Beta, double Alpha)
{
    private const int MaxLogits = 100;

    /// <summary>log π_SFT.</summary>
    public double[][] LogExpert { get; } = SoftBellman.LogPolicy(Expert);

    /// <summary>log π_ref.</summary>
    public double[][] LogReference { get; } = SoftBellman.LogPolicy(Reference);

    /// <summary>log π_θ.</summary>
    public double[][] LogPolicy { get; } = SoftBellman.LogPolicy(Policy);

    /// <summary>r̂ = log π_SFT − log π_ref.</summary>
    public double[][] Reward { get; } = BaselineReward.Of(SoftBellman.LogPolicy(Expert), SoftBellman.LogPolicy(Reference));

    /// <summary>
    /// Draws an MDP of at most 100 logits. The corners are common: vocabularies of 1 and 2, horizons of 0 and 1, no end token, forbidden
    /// tokens, γ of 1 and down to 0.01; and rows of logits that are mild, flat, broad, nearly deterministic, ±700, all shifted by 700,
    /// or a mixture.
    /// </summary>
    public static MdpDraw Random(Random random)
    {
        int vocabulary = Pick(random, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5), horizon = Pick(random, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 6);
        int? endToken = random.Next(3) == 0 ? null : random.Next(vocabulary);
        double any = 0.01 + (0.99 * random.NextDouble()), usual = 0.5 + (0.5 * random.NextDouble());
        double discount = random.Next(3) == 0 ? 1 : Pick(random, 0.01, 0.99, any, usual);
        int branches = endToken is null ? vocabulary : vocabulary - 1;
        while (vocabulary * Enumerable.Range(0, horizon).Sum(t => Math.Pow(branches, t)) > MaxLogits) horizon--;
        var mdp = new TokenMdp(vocabulary, horizon, endToken, discount);

        double forbid = random.Next(3) == 0 ? 0.3 : 0;
        bool[][] forbidden = [.. Enumerable.Range(0, mdp.StateCount).Select(_ =>
        {
            int allowed = random.Next(vocabulary); // at least this one
            return Enumerable.Range(0, vocabulary).Select(a => random.NextDouble() < forbid && a != allowed).ToArray();
        })];
        double[][] Logits()
        {
            int style = random.Next(14); // mostly one style for all rows, so that one row of ±700 does not drown the others
            var rows = new double[mdp.StateCount][];
            for (int s = 0; s < rows.Length; s++) rows[s] = Row(random, vocabulary, style < 12 ? style : random.Next(12));
            return mdp.Table((s, a) => forbidden[s][a] ? double.NegativeInfinity : rows[s][a]);
        }

        double[][] expert = Logits();
        // π_ref is a checkpoint of the same run half of the time, and a stranger otherwise.
        double[][] reference = random.Next(2) == 0 ? Logits() : mdp.Table((s, a) => expert[s][a] + Uniform(random, 1.5));
        double[] potential = [.. Enumerable.Range(0, mdp.StateCount).Select(_ => Uniform(random, 3)), 0];
        Response[] demonstrations = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Walk(mdp, forbidden, random))];
        return new MdpDraw(
            mdp, expert, reference, Logits(), potential, demonstrations,
            Math.Pow(10, Uniform(random, 1)), Math.Pow(10, Uniform(random, 1)));
    }

    /// <summary>All of the draw, a line per state: the tokens so far, then the logits of the three policies.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        string end = Mdp.EndToken is int token ? $"end token {token}" : "no end token";
        text.AppendLine(CultureInfo.InvariantCulture,
            $"K = {Mdp.Vocabulary}, H = {Mdp.Horizon}, {end}, γ = {Mdp.Discount}, β = {Beta}, α = {Alpha}");
        text.AppendLine($"demonstrations {string.Join(" ", Demonstrations.Select(y => $"[{string.Join(" ", y.Tokens)}]"))}");
        for (int s = 0; s < Mdp.StateCount; s++)
        {
            text.Append($"after [{string.Join(" ", Mdp.Tokens(s))}]: expert {Show(Expert[s])}, reference {Show(Reference[s])}, ");
            text.AppendLine(CultureInfo.InvariantCulture, $"policy {Show(Policy[s])}, potential {Potential[s]}");
        }

        return text.ToString();

        static string Show(double[] row) => $"({string.Join(", ", row.Select(x => x.ToString(CultureInfo.InvariantCulture)))})";
    }

    private static double[] Row(Random random, int vocabulary, int style)
    {
        int peak = random.Next(vocabulary);
        return [.. Enumerable.Range(0, vocabulary).Select(a => style switch
        {
            0 => 0,                                                    // flat
            1 => Uniform(random, 1) + (a == peak ? 40 : 0),            // nearly deterministic: 1 − π(peak) ≈ 1e−17
            2 => Uniform(random, 1) + Pick(random, -700.0, 0, 700),    // exp overflows or underflows
            3 => Uniform(random, 2) + 700,                             // a common shift, which softmax must not see
            4 or 5 => Uniform(random, 10),                             // broad
            _ => Uniform(random, 2),                                   // mild
        })];
    }

    private static Response Walk(TokenMdp mdp, bool[][] forbidden, Random random)
    {
        var tokens = new List<int>();
        for (int s = 0; s != mdp.Terminal; s = mdp.Next(s, tokens[^1]))
        {
            int[] allowed = [.. Enumerable.Range(0, mdp.Vocabulary).Where(a => !forbidden[s][a])];
            tokens.Add(allowed[random.Next(allowed.Length)]);
        }

        return ResponseEnumeration.Follow(mdp, [.. tokens]);
    }

    private static double Uniform(Random random, double bound) => bound * ((2 * random.NextDouble()) - 1);

    private static T Pick<T>(Random random, params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];
}
