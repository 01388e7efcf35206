using FsCheck;
using FsCheck.Fluent;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Generators;

/// <summary>
/// Token MDPs for property tests. A counterexample shrinks to a smaller vocabulary and horizon, one demonstration, γ = β = α = 1,
/// and logits that are 0 or whole: small enough to follow by hand.
/// </summary>
public static class MdpDraws
{
    public static Arbitrary<MdpDraw> Arbitrary() =>
        Arb.From(Gen.Choose(0, int.MaxValue).Select(seed => MdpDraw.Random(new Random(seed))), Shrink);

    public static IEnumerable<MdpDraw> Shrink(MdpDraw draw)
    {
        TokenMdp mdp = draw.Mdp;
        if (mdp.Horizon > 0) yield return Rebuild(draw, new TokenMdp(mdp.Vocabulary, mdp.Horizon - 1, mdp.EndToken, mdp.Discount));
        for (int dropped = mdp.Vocabulary - 1; dropped >= 0; dropped--)
        {
            if (mdp.Vocabulary == 1 || dropped == mdp.EndToken) continue;
            int? end = mdp.EndToken > dropped ? mdp.EndToken - 1 : mdp.EndToken;
            yield return Rebuild(draw, new TokenMdp(mdp.Vocabulary - 1, mdp.Horizon, end, mdp.Discount), dropped);
        }

        if (draw.Demonstrations.Length > 1)
        {
            foreach (Response y in draw.Demonstrations) yield return draw with { Demonstrations = [y] };
        }

        if (mdp.Discount != 1) yield return draw with { Mdp = mdp.WithDiscount(1) };
        if (mdp.Discount is not (1 or 0.5)) yield return draw with { Mdp = mdp.WithDiscount(0.5) };
        if (draw.Beta != 1) yield return draw with { Beta = 1 };
        if (draw.Alpha != 1) yield return draw with { Alpha = 1 };
        foreach (double[][] simpler in Simpler(draw.Expert)) yield return WithTables(draw, simpler, draw.Reference, draw.Policy);
        foreach (double[][] simpler in Simpler(draw.Reference)) yield return WithTables(draw, draw.Expert, simpler, draw.Policy);
        foreach (double[][] simpler in Simpler(draw.Policy)) yield return WithTables(draw, draw.Expert, draw.Reference, simpler);
        foreach (double[][] simpler in Simpler([draw.Potential])) yield return draw with { Potential = simpler[0] };
    }

    // All finite entries 0; or all whole; or one of them 0.
    private static IEnumerable<double[][]> Simpler(double[][] table)
    {
        bool anyFinite = table.Any(row => row.Any(x => double.IsFinite(x) && x != 0));
        if (anyFinite) yield return Map(table, _ => 0);
        if (table.Any(row => row.Any(x => double.IsFinite(x) && x != Math.Truncate(x)))) yield return Map(table, Math.Truncate);
        for (int s = 0; s < table.Length; s++)
        {
            for (int a = 0; a < table[s].Length; a++)
            {
                if (table[s][a] == 0 || !double.IsFinite(table[s][a])) continue;
                double[][] copy = Map(table, x => x);
                copy[s][a] = 0;
                yield return copy;
            }
        }
    }

    private static double[][] Map(double[][] table, Func<double, double> f) =>
        [.. table.Select(row => row.Select(x => double.IsFinite(x) ? f(x) : x).ToArray())];

    // Not a `with`: the constructor derives the log-policies from the tables.
    private static MdpDraw WithTables(MdpDraw draw, double[][] expert, double[][] reference, double[][] policy) =>
        new(draw.Mdp, expert, reference, policy, draw.Potential, draw.Demonstrations, draw.Beta, draw.Alpha);

    // The draw on a smaller tree: rows keep their place by the tokens before them, without the column of the dropped token.
    private static MdpDraw Rebuild(MdpDraw draw, TokenMdp mdp, int dropped = int.MaxValue)
    {
        int Old(int token) => token >= dropped ? token + 1 : token;
        int OldState(int state) => mdp.Tokens(state).Aggregate(0, (s, token) => draw.Mdp.Next(s, Old(token)));
        double[][] Take(double[][] table) => [.. mdp.Table((s, a) => table[OldState(s)][Old(a)]).Select(AllowOne)];
        double[] potential = [.. Enumerable.Range(0, mdp.StateCount).Select(s => draw.Potential[OldState(s)]), 0];
        double[][] expert = Take(draw.Expert);
        Response[] allowed = [.. ResponseEnumeration.All(mdp).Where(y => y.Entries(expert).All(double.IsFinite))];
        Response[] kept = [.. allowed.Where(y => draw.Demonstrations.Any(old => old.Tokens.SequenceEqual(y.Tokens.Select(Old))))];
        return new MdpDraw(
            mdp, expert, Take(draw.Reference), Take(draw.Policy), potential, kept.Length > 0 ? kept : [allowed[0]], draw.Beta, draw.Alpha);
    }

    private static double[] AllowOne(double[] row) => row.Any(double.IsFinite) ? row : [0, .. row.Skip(1)];
}
