using MiniTransformer.Tests.Generators;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

/// <summary>The generator reaches the hard corners, and shrinks what it finds.</summary>
public class GeneratorTests
{
    private static readonly MdpDraw[] Draws = [.. Enumerable.Range(0, 1000).Select(seed => MdpDraw.Random(new Random(seed)))];

    [Fact]
    public void Hard_corners_are_common()
    {
        // At least 30 of 1000 draws each; seeds are fixed, so the counts are too.
        Dictionary<string, Func<MdpDraw, bool>> corners = new()
        {
            ["vocabulary 1"] = d => d.Mdp.Vocabulary == 1,
            ["vocabulary 2"] = d => d.Mdp.Vocabulary == 2,
            ["vocabulary 5"] = d => d.Mdp.Vocabulary == 5,
            ["horizon 0, only the empty response"] = d => d.Mdp.Horizon == 0,
            ["horizon 1"] = d => d.Mdp.Horizon == 1,
            ["horizon 5 or 6"] = d => d.Mdp.Horizon >= 5,
            ["no end token"] = d => d.Mdp.EndToken is null,
            ["a demonstration that is cut by the horizon"] = d => d.Demonstrations.Any(y => y.Length > 0 && y.Tokens[^1] != d.Mdp.EndToken),
            ["a demonstration that ends before the horizon"] = d => d.Demonstrations.Any(y => y.Length < d.Mdp.Horizon),
            ["γ = 1"] = d => d.Mdp.Discount == 1,
            ["γ = 0.01"] = d => d.Mdp.Discount == 0.01,
            ["γ between"] = d => d.Mdp.Discount is > 0.01 and < 0.99,
            ["a forbidden token"] = d => d.Expert.Any(row => row.Any(double.IsNegativeInfinity)),
            ["one allowed token of several"] = d => d.Mdp.Vocabulary > 1 && d.Expert.Any(row => row.Count(double.IsFinite) == 1),
            ["logits near ±700 in one row"] = d => d.Expert.Any(row => row.Max() > 650 && row.Any(x => x < -650 && double.IsFinite(x))),
            ["nearly deterministic"] = d => d.LogExpert.Any(row => row.Max() > -1e-12 && row.Any(x => x is > -100 and < -30)),
            ["uniform"] = d => d.Mdp.Vocabulary > 1 && d.Expert.Any(row => row.All(x => x == 0)),
            ["a reference near the expert"] = d => d.Mdp.StateCount > 1 && Stability.Distance(d.Expert[0], d.Reference[0]) is > 0 and < 1.5,
            ["more than 20 states"] = d => d.Mdp.StateCount > 20,
        };
        string[] rare = [.. corners.Where(c => Draws.Count(c.Value) < 30).Select(c => $"{c.Key}: {Draws.Count(c.Value)}")];
        Assert.True(rare.Length == 0, string.Join("; ", rare));
    }

    [Fact]
    public void Every_policy_of_a_draw_is_a_distribution_over_responses()
    {
        foreach (MdpDraw draw in Draws)
        {
            foreach (double[][] logPolicy in new[] { draw.LogExpert, draw.LogReference, draw.LogPolicy })
                Assert.Equal(1, ResponseEnumeration.Expectation(draw.Mdp, logPolicy, _ => 1), 1e-12); // rounding: 1e−15 × |log π|
        }
    }

    [Fact]
    public void Shrinking_ends_and_keeps_draws_valid()
    {
        foreach (MdpDraw draw in Draws.Take(100))
        {
            MdpDraw current = draw;
            int steps = 0;
            while (MdpDraws.Shrink(current).FirstOrDefault() is MdpDraw simpler)
            {
                current = simpler;
                Assert.Equal(1, ResponseEnumeration.Expectation(current.Mdp, current.LogExpert, _ => 1), 1e-12);
                Assert.All(current.Demonstrations, y =>
                    Assert.True(double.IsFinite(ResponseEnumeration.LogProbability(current.LogExpert, y))));
                Assert.True(++steps < 2000, "shrinking does not end");
            }

            Assert.Equal((0, 1.0), (current.Mdp.Horizon, current.Mdp.Discount));
        }
    }

    [Fact]
    public void A_counterexample_shrinks_to_one_that_can_be_read()
    {
        // The false claim: π_SFT(y) > 1/5 for the first demonstration.
        static bool Fails(MdpDraw d) => ResponseEnumeration.LogProbability(d.LogExpert, d.Demonstrations[0]) <= Math.Log(0.2);
        MdpDraw current = Draws.First(d => Fails(d) && d.Mdp.StateCount > 20);
        while (MdpDraws.Shrink(current).FirstOrDefault(Fails) is MdpDraw simpler) current = simpler;
        Assert.InRange(current.Mdp.StateCount, 1, 7);
        Assert.All(current.Expert, row => Assert.All(row, x => Assert.True(x == Math.Truncate(x))));
        Assert.Contains($"K = {current.Mdp.Vocabulary}, H = {current.Mdp.Horizon}", current.ToString());
    }
}
