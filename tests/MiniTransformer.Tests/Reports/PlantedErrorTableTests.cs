using MiniTransformer.Lab;

namespace MiniTransformer.Tests.Reports;

public class PlantedErrorTableTests
{
    private static readonly PlantedErrorResult Result = new(
        1, 40, 2, 5.5, .18,
        [
            new(CreditScore.RHat, "base", .9, .8, .95, .92, .9, .94), new(CreditScore.CentredRHat, "base", .9, .8, .95, .92, .9, .94),
            new(CreditScore.RHatSize, "base", .8, .7, .9, .91, .89, .93),
            new(CreditScore.RHat, "half", .3, .2, .4, .45, .4, .5), new(CreditScore.CentredRHat, "half", .3, .2, .4, .45, .4, .5),
            new(CreditScore.RHatSize, "half", .6, .5, .7, .85, .8, .9),
            new(CreditScore.RQ, null, .7, .6, .8, .9, .88, .92),
            new(CreditScore.LogPolicy, null, .95, .9, .97, .99, double.NaN, double.NaN),
        ]);

    [Fact]
    public void The_table_has_a_row_for_each_score_and_reference_and_one_for_chance()
    {
        string[] lines = PlantedErrorTable.Of(Result).ToMarkdown().Split('\n');
        Assert.Contains(lines, line =>
            line.StartsWith("| r̂, reference base ", StringComparison.Ordinal)
                && line.Contains(".900 | [.800, .950] | .920 | [.900, .940]", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("\\|r̂\\|, reference half", StringComparison.Ordinal));
        // too few for an interval
        Assert.Contains(lines, line =>
            line.StartsWith("| log π_SFT ", StringComparison.Ordinal) && line.Contains("[–]", StringComparison.Ordinal));
        Assert.Contains(lines, line =>
            line.StartsWith("| chance ", StringComparison.Ordinal) && line.Contains(".180", StringComparison.Ordinal)
                && line.Contains(".500", StringComparison.Ordinal));
    }

    [Fact]
    public void The_finding_names_the_best_score_and_where_r_hat_is_unsigned()
    {
        string finding = PlantedErrorTable.Finding(Result);
        Assert.StartsWith("By AUC the best pointer to a planted wrong token is log π_SFT (hit in 95%, AUC .990; chance: 18%, .500).",
            finding, StringComparison.Ordinal);
        Assert.Contains("hit 90%, AUC .920 (reference base); hit 30%, AUC .450 (reference half)", finding, StringComparison.Ordinal);
        Assert.Contains("|r̂| does better, AUC .850 (half):", finding, StringComparison.Ordinal); // and not for base
        Assert.DoesNotContain("|r̂|",
            PlantedErrorTable.Finding(Result with { Scores = [.. Result.Scores.Where(s => s.Reference != "half")] }),
            StringComparison.Ordinal);
        Assert.DoesNotContain("r̂", PlantedErrorTable.Finding(Result with { Scores = [Result.Scores[^1]] }), StringComparison.Ordinal);
    }

    [Fact]
    public void The_meaning_states_how_many_were_left_out() =>
        Assert.Contains("In 2 further responses", PlantedErrorTable.Meaning(Result), StringComparison.Ordinal);
}
