using MiniTransformer.Lab;
using MiniTransformer.Tensors;

namespace MiniTransformer.Tests.Training;

public class LocalisationTests
{
    // Two responses: scores 3 1 2 with the error in the middle, and 5 0 with the error first.
    private static readonly double[] Scores = [3, 1, 2, 5, 0];
    private static readonly int[] Starts = [0, 3, 5];

    [Fact]
    public void Hits_and_AUC_of_a_case_worked_by_hand()
    {
        // Lowest of the first response is its error, of the second not: 1 of 2. Of the planted scores 1 and 5 against the right ones 3, 2,
        // 0:
        // 1 is below 3 and 2, 5 below none: 2 of 6 pairs.
        Assert.Equal(.5, Localisation.HitRate(Scores, Starts, [1, 0]));
        Assert.Equal(2.0 / 6, Localisation.Auc(Scores, Starts, [1, 0]), 15);
        Assert.Equal((1.0 / 3 + 1.0 / 2) / 2, Localisation.Chance(Starts), 15);
    }

    [Fact]
    public void Ties_count_by_half_in_the_AUC_and_share_a_hit()
    {
        // The error ties with one of two others: a hit by lot, ½. Pairs: a tie ½ and a win 1 of 2.
        Assert.Equal(.5, Localisation.HitRate([1, 1, 2], [0, 3], [0]));
        Assert.Equal(.75, Localisation.Auc([1, 1, 2], [0, 3], [0]));

        // All equal: nothing is told, in whichever order they stand.
        Assert.Equal(Localisation.Chance(Starts), Localisation.HitRate([7, 7, 7, 7, 7], Starts, [2, 1]), 15);
        Assert.Equal(.5, Localisation.Auc([7, 7, 7, 7, 7], Starts, [2, 1]));
    }

    [Fact]
    public void A_score_that_is_lowest_at_every_error_is_perfect_and_its_negative_never_hits()
    {
        double[] scores = [-9, 1, 2, 3, -8];
        Assert.Equal(1, Localisation.HitRate(scores, Starts, [0, 1]));
        Assert.Equal(1, Localisation.Auc(scores, Starts, [0, 1]));
        double[] negative = [.. scores.Select(x => -x)];
        Assert.Equal(0, Localisation.HitRate(negative, Starts, [0, 1]));
        Assert.Equal(0, Localisation.Auc(negative, Starts, [0, 1]));
        // the middle response has no right token
        Assert.Equal(new Interval(1, 1), Localisation.AucInterval([-9, 1, -7, 3, -8], [0, 2, 3, 5], [0, 0, 1], seed: 1));
        (double low, double high) = Localisation.AucInterval(scores, Starts, [0, 1], seed: 1);
        Assert.True(double.IsNaN(low) && double.IsNaN(high)); // two responses tell nothing
    }

    [Fact]
    public void AUC_counts_pairs_over_all_responses()
    {
        (double[] scores, int[] starts, int[] planted) = Random(40, seed: 5, coarse: true);
        double won = 0;
        int pairs = 0;
        for (int b = 0; b < planted.Length; b++)
        {
            double error = scores[starts[b] + planted[b]];
            for (int c = 0; c < planted.Length; c++)
            {
                for (int i = starts[c]; i < starts[c + 1]; i++)
                {
                    if (i == starts[c] + planted[c]) continue;
                    won += error < scores[i] ? 1 : error == scores[i] ? .5 : 0;
                    pairs++;
                }
            }
        }

        Assert.Equal(won / pairs, Localisation.Auc(scores, starts, planted), 12);
    }

    // 4000 responses: the hit rate's standard error is √(.2·.8/4000) = .0063 and the AUC's below .006; the tolerance is four of them.
    [Fact]
    public void Random_scores_hit_by_chance()
    {
        (double[] scores, int[] starts, int[] planted) = Random(4000, seed: 3, coarse: false);
        Assert.Equal(Localisation.Chance(starts), Localisation.HitRate(scores, starts, planted), .025);
        Assert.Equal(.5, Localisation.Auc(scores, starts, planted), .025);
    }

    [Fact]
    public void Resampled_intervals_hold_the_true_AUC_about_as_often_as_they_say()
    {
        // Errors score lower by 1 standard deviation: AUC = Φ(1/√2) = .7602. In 200 experiments the count of intervals that hold it is
        // binomial around 190; 176 is four and a half standard deviations below.
        const double Truth = .76025;
        int held = 0;
        double width = 0;
        for (ulong seed = 1; seed <= 200; seed++)
        {
            (double[] scores, int[] starts, int[] planted) = Random(60, seed, coarse: false);
            for (int b = 0; b < planted.Length; b++) scores[starts[b] + planted[b]]--;
            (double low, double high) = Localisation.AucInterval(scores, starts, planted, seed, resamples: 300);
            if (low <= Truth && Truth <= high) held++;
            width += (high - low) / 200;
        }

        Assert.InRange(held, 176, 200);
        Assert.InRange(width, .05, .25); // and they are not so wide as to say nothing
    }

    [Theory]
    [InlineData(.5, 10, .2366, .7634)] // Wilson's own formula by hand: (.5 + .19207 ± 1.96·√(.025 + .009604)) / 1.38415
    [InlineData(0, 10, 0, .2775)]
    [InlineData(1, 10, .7225, 1)]
    public void Wilsons_interval_stays_within_0_and_1(double rate, int n, double low, double high)
    {
        Interval interval = Localisation.WilsonInterval(rate, n);
        Assert.Equal(low, interval.Low, 4);
        Assert.Equal(high, interval.High, 4);
    }

    [Fact]
    public void What_does_not_fit_or_cannot_be_ranked_is_refused()
    {
        Assert.Contains("do not fit", Assert.Throws<ArgumentException>(() => Localisation.Auc(Scores, [0, 3, 4], [1, 0])).Message,
            StringComparison.Ordinal);
        Assert.Contains("outside response 1", Assert.Throws<ArgumentException>(() => Localisation.HitRate(Scores, Starts, [1, 2])).Message,
            StringComparison.Ordinal);
        Assert.Contains("token 4 is not a number",
            Assert.Throws<ArgumentException>(() => Localisation.Auc([3, 1, 2, 5, double.NaN], Starts, [1, 0])).Message,
            StringComparison.Ordinal);
        Assert.Contains("no response", Assert.Throws<ArgumentException>(() => Localisation.Auc([], [0], [])).Message,
            StringComparison.Ordinal);
    }

    // Standard normal scores of responses of 3 to 7 tokens; coarse ones have many ties.
    private static (double[] Scores, int[] Starts, int[] Planted) Random(int responses, ulong seed, bool coarse)
    {
        var rng = new Rng(seed, 77);
        int[] starts = new int[responses + 1], planted = new int[responses];
        for (int b = 0; b < responses; b++)
        {
            int length = 3 + rng.NextInt(5);
            starts[b + 1] = starts[b] + length;
            planted[b] = rng.NextInt(length);
        }

        return ([.. Enumerable.Range(0, starts[^1]).Select(_ => coarse ? rng.NextInt(6) : rng.NextNormal())], starts, planted);
    }
}
